// Console is Kafka's own console producer, so that a test can give it its input.
public class Console {
    public static void main(String[] args) throws Exception {
        org.apache.kafka.tools.ConsoleProducer.main(args);
    }
}
