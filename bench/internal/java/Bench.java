import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;

/**
 * Kafka's own producer under load. Its only argument is a properties file: what begins with "bench." is read here, the
 * rest is the producer's. Standard input says what to do, a line each, and each is answered by a line:
 *
 * <pre>
 *   warm MILLIS     ->  rate RECORDS_A_SECOND
 *   drive RECORDS   ->  done ELAPSED_NANOS [P50 P90 P99 P99.9 MAX, in nanoseconds]
 * </pre>
 *
 * The end of standard input ends the program. The payloads are arrays of their own from the start, and one callback serves
 * all records, so that a record costs no object beyond those that the producer's interface asks for.
 */
public class Bench {
    private final KafkaProducer<byte[], byte[]> producer;
    private final String[] topics;
    private final byte[][] values;
    private final byte[][] keys;
    private final int threads;
    private final int rate;
    private final String drive;

    private final AtomicReference<Exception> failure = new AtomicReference<>();
    private final AtomicLong told = new AtomicLong();
    private final Callback count = (metadata, exception) -> tell(exception);
    private long next; // number of the first record that was not sent yet

    private Bench(Properties p) throws Exception {
        topics = take(p, "topics").split(",");
        values = pieces(take(p, "values"), Integer.parseInt(take(p, "value.bytes")));
        keys = pieces(take(p, "keys"), Integer.parseInt(take(p, "key.bytes")));
        threads = Integer.parseInt(take(p, "threads"));
        rate = Integer.parseInt(take(p, "rate"));
        drive = take(p, "drive");
        producer = new KafkaProducer<>(p);
    }

    private static String take(Properties p, String name) {
        return (String) p.remove("bench." + name);
    }

    /** Cuts a file into arrays of the same size; an empty file is one null. */
    private static byte[][] pieces(String file, int size) throws Exception {
        byte[] all = Files.readAllBytes(Path.of(file));
        if (all.length == 0) {
            return new byte[][] {null};
        }
        byte[][] pieces = new byte[all.length / size][];
        for (int i = 0; i < pieces.length; i++) {
            pieces[i] = Arrays.copyOfRange(all, i * size, (i + 1) * size);
        }
        return pieces;
    }

    private ProducerRecord<byte[], byte[]> record(long i) {
        byte[] key = keys[(int) (i % keys.length)];
        return new ProducerRecord<>(topics[(int) (i % topics.length)], key, values[(int) (i % values.length)]);
    }

    private void tell(Exception exception) {
        if (exception != null) {
            failure.compareAndSet(null, exception);
        }
        told.incrementAndGet();
    }

    /** Sends so many records in the load's way and waits for all outcomes. */
    private long[] send(int records) throws Exception {
        long from = next;
        next += records;
        told.set(0);
        long[] times = drive.equals("throughput") ? new long[0] : new long[records];
        Thread[] senders = new Thread[threads];
        for (int t = 0; t < threads; t++) {
            int first = (int) ((long) records * t / threads);
            int last = (int) ((long) records * (t + 1) / threads);
            senders[t] = new Thread(() -> sendRange(from, first, last, times));
            senders[t].start();
        }
        for (Thread sender : senders) {
            sender.join();
        }
        producer.flush();
        if (failure.get() != null) {
            throw failure.get();
        }
        if (told.get() != records) {
            throw new IllegalStateException(told.get() + " of " + records + " outcomes were told");
        }
        return times;
    }

    private void sendRange(long from, int first, int last, long[] times) {
        try {
            switch (drive) {
                case "synchronous" -> oneByOne(from, first, last, times);
                case "paced" -> pace(from, first, last, times);
                default -> {
                    for (int i = first; i < last; i++) {
                        producer.send(record(from + i), count);
                    }
                }
            }
        } catch (Exception e) {
            failure.compareAndSet(null, e);
        }
    }

    private void oneByOne(long from, int first, int last, long[] times) throws Exception {
        for (int i = first; i < last; i++) {
            long began = System.nanoTime();
            producer.send(record(from + i)).get();
            times[i] = System.nanoTime() - began;
            told.incrementAndGet();
        }
    }

    private void pace(long from, int first, int last, long[] times) {
        long began = System.nanoTime();
        for (int i = first; i < last; i++) {
            long moment = began + i * 1_000_000_000L / rate;
            for (long early = moment - System.nanoTime(); early > 0; early = moment - System.nanoTime()) {
                LockSupport.parkNanos(early);
            }
            int number = i;
            producer.send(record(from + i), (metadata, exception) -> {
                times[number] = System.nanoTime() - moment;
                tell(exception);
            });
        }
    }

    /** Sends until the virtual machine had time to compile what runs. */
    private String warm(long millis) throws Exception {
        long deadline = System.nanoTime() + millis * 1_000_000;
        int records = Math.max(1000, threads);
        double best = 0;
        while (System.nanoTime() < deadline) {
            long began = System.nanoTime();
            send(records);
            double seconds = (System.nanoTime() - began) / 1e9;
            best = Math.max(best, records / seconds);
            if (seconds < 0.25) {
                records *= 2;
            }
        }
        System.gc();
        return "rate " + best;
    }

    private String drive(int records) throws Exception {
        long began = System.nanoTime();
        long[] times = send(records);
        StringBuilder line = new StringBuilder("done " + (System.nanoTime() - began));
        if (times.length > 0) {
            Arrays.sort(times);
            for (double share : new double[] {0.5, 0.9, 0.99, 0.999, 1}) {
                line.append(' ').append(times[(int) Math.min(share * times.length, times.length - 1)]);
            }
        }
        return line.toString();
    }

    public static void main(String[] args) throws Exception {
        Properties p = new Properties();
        try (FileInputStream in = new FileInputStream(args[0])) {
            p.load(in);
        }
        Bench bench = new Bench(p);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.split(" ");
            long n = Long.parseLong(words[1]);
            System.out.println(words[0].equals("warm") ? bench.warm(n) : bench.drive((int) n));
        }
        bench.producer.close();
    }
}
