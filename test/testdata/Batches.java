import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.record.TimestampType;

/** Builds record batches as the Java producer does, from descriptions on standard input; prints each after its length. */
public class Batches {
    private static final DataInputStream in = new DataInputStream(new BufferedInputStream(System.in));

    public static void main(String[] args) throws IOException {
        DataOutputStream out = new DataOutputStream(System.out);
        for (int batches = in.readInt(); batches > 0; batches--) {
            long producerId = in.readLong();
            short epoch = in.readShort();
            int sequence = in.readInt();
            MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(1 << 16),
                RecordBatch.CURRENT_MAGIC_VALUE, Compression.NONE, TimestampType.CREATE_TIME, 0L);
            for (int records = in.readInt(); records > 0; records--) {
                builder.append(in.readLong(), bytes(), bytes(), headers());
            }
            builder.setProducerState(producerId, epoch, sequence, false);
            builder.close();
            ByteBuffer batch = builder.build().buffer();
            out.writeInt(batch.remaining());
            out.write(batch.array(), batch.arrayOffset() + batch.position(), batch.remaining());
        }
        out.flush();
    }

    private static byte[] bytes() throws IOException {
        int length = in.readInt();
        if (length < 0) {
            return null;
        }
        byte[] read = new byte[length];
        in.readFully(read);
        return read;
    }

    private static Header[] headers() throws IOException {
        Header[] read = new Header[in.readInt()];
        for (int i = 0; i < read.length; i++) {
            read[i] = new RecordHeader(new String(bytes(), StandardCharsets.UTF_8), bytes());
        }
        return read;
    }
}
