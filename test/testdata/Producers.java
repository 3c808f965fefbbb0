import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Producers of Kafka's own client that do what lines on standard input say:
 *
 * <pre>
 * open NAME KEY=VALUE ...
 * send NAME TOPIC PARTITION TIMESTAMP VALUE
 * flush NAME FILE      waits for all outcomes, then makes FILE with a line for each record that failed
 * close NAME
 * </pre>
 */
public class Producers {
    private static class Control {
        final KafkaProducer<String, String> producer;
        final Map<String, Future<RecordMetadata>> open = new HashMap<>();

        Control(String[] words) {
            Properties p = new Properties();
            for (int i = 2; i < words.length; i++) {
                String[] pair = words[i].split("=", 2);
                p.put(pair[0], pair[1]);
            }
            producer = new KafkaProducer<>(p, new StringSerializer(), new StringSerializer());
        }

        void send(String[] words) throws InterruptedException {
            open.put(words[5], producer.send(new ProducerRecord<>(
                words[2], Integer.valueOf(words[3]), Long.valueOf(words[4]), null, words[5])));
            Thread.sleep(50); // even batch.size=0 has room for two small records
        }

        void flush(Path file) throws IOException, InterruptedException {
            producer.flush();
            List<String> failures = new ArrayList<>();
            for (Map.Entry<String, Future<RecordMetadata>> sent : open.entrySet()) {
                try {
                    sent.getValue().get();
                } catch (ExecutionException e) {
                    failures.add(sent.getKey() + ": " + e.getCause());
                }
            }
            open.clear();
            Path part = Path.of(file + ".part");
            Files.write(part, failures);
            Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
        }
    }

    public static void main(String[] args) throws Exception {
        Map<String, Control> controls = new HashMap<>();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.split(" ");
            switch (words[0]) {
                case "open" -> controls.put(words[1], new Control(words));
                case "send" -> controls.get(words[1]).send(words);
                case "flush" -> controls.get(words[1]).flush(Path.of(words[2]));
                case "close" -> controls.remove(words[1]).producer.close();
                default -> throw new IllegalArgumentException(line);
            }
        }
        Runtime.getRuntime().halt(0); // what is still open belongs to a test that failed
    }
}
