import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;

/**
 * For each key on standard input (two bytes of length, then the key) prints one byte for each number of partitions
 * among the arguments: the partition that Kafka's default partitioner gives the key.
 */
public class Partitions {
    public static void main(String[] args) throws IOException {
        DataInputStream in = new DataInputStream(new BufferedInputStream(System.in, 1 << 16));
        OutputStream out = new BufferedOutputStream(System.out, 1 << 16);
        int[] counts = new int[args.length];
        for (int i = 0; i < args.length; i++) {
            counts[i] = Integer.parseInt(args[i]);
        }
        while (true) {
            byte[] key;
            try {
                key = new byte[in.readUnsignedShort()];
            } catch (EOFException end) {
                break;
            }
            in.readFully(key);
            for (int count : counts) {
                out.write(BuiltInPartitioner.partitionForKey(key, count));
            }
        }
        out.flush();
    }
}
