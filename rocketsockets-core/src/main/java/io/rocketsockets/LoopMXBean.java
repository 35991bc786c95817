package io.rocketsockets;

/** One event loop as JMX shows it; registered by {@link JmxBeans}. What the values mean: {@link ServerStats.Loop}. */
public interface LoopMXBean { // its names are attributes, hence "get"
    /** Sockets that it owns now. */
    int getConnections();

    /** 0 to 1, over the last second or so. */
    double getBusyShare();

    /** How long it works between two looks at the kernel, over the last second or so. */
    double getMeanTurnMillis();

    /** The longest turn of the last 10 to 20 s, the current one included. */
    double getLongestTurnMillis();

    /** What waits for it of other threads. */
    int getMailboxDepth();

    /** Bytes read from the kernel. */
    long getBytesRead();

    /** Bytes that the kernel has taken. */
    long getBytesWritten();

    /** Connections that came from other loops. */
    long getMovesIn();

    /** Connections that went to other loops. */
    long getMovesOut();
}
