package io.rocketsockets;

import java.util.Map;

/** One running server as JMX shows it; registered by {@link JmxBeans}. What the values mean: {@link ServerStats}. */
public interface ServerMXBean { // its names are attributes, hence "get"
    /** Connections accepted. */
    long getAccepted();

    /** Connections open now. */
    long getOpen();

    /** Connections closed, by {@link CloseReason}. */
    Map<String, Long> getClosed();

    /** Bytes read from the kernel. */
    long getBytesRead();

    /** Bytes that the kernel has taken. */
    long getBytesWritten();
}
