package io.rocketsockets;

import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import javax.management.JMException;
import javax.management.MBeanServer;
import javax.management.ObjectName;

/**
 * Shows a server to JMX while it runs: {@code x.listener(new JmxBeans("chat"))} registers {@code
 * io.rocketsockets:type=Server,name=chat} and, for each loop, {@code io.rocketsockets:type=Loop,server=chat,number=0} in the
 * platform's MBean server when the server starts, and unregisters them when it has stopped.
 *
 * <p>It has to be asked for, since to load JMX takes some 250 ms, more than all the rest of a start, and a server has no name by
 * itself. Needs the module java.management.
 *
 * <p><b>Failure:</b> a name that is taken is logged; the server runs without beans.
 */
public final class JmxBeans implements ServerListener {
    private final String name;
    private final List<ObjectName> registered = new ArrayList<>();

    /** @param name of the server, among those of this JVM */
    public JmxBeans(String name) {
        this.name = Objects.requireNonNull(name, "name");
    }

    @Override
    public synchronized void onStarted(SocketServer server) {
        try {
            register(new ServerBean(server), "type=Server,name=" + value(name));
            int loops = server.stats().loops().size();
            for (int number = 0; number < loops; number++) {
                register(new LoopBean(server, number), "type=Loop,server=" + value(name) + ",number=" + number);
            }
        } catch (JMException refused) {
            onStopped(server);
            throw new IllegalStateException(
                    "cannot register JMX beans: name=" + name + " " + refused.getMessage()
                            + "; give each server of this JVM a name of its own",
                    refused);
        }
    }

    /** Quoted where it would not be read as a value otherwise. */
    private static String value(String text) {
        return text.matches("[\\w.-]+") ? text : ObjectName.quote(text);
    }

    private void register(Object bean, String properties) throws JMException {
        ObjectName objectName = new ObjectName("io.rocketsockets:" + properties);
        ManagementFactory.getPlatformMBeanServer().registerMBean(bean, objectName);
        registered.add(objectName);
    }

    @Override
    public synchronized void onStopped(SocketServer server) {
        MBeanServer beans = ManagementFactory.getPlatformMBeanServer();
        try {
            for (ObjectName objectName : registered) {
                if (beans.isRegistered(objectName)) { // else somebody else has done it
                    beans.unregisterMBean(objectName);
                }
            }
        } catch (JMException refused) {
            throw new IllegalStateException("cannot unregister JMX beans: name=" + name, refused);
        } finally {
            registered.clear();
        }
    }

    private record ServerBean(SocketServer server) implements ServerMXBean {
        @Override
        public long getAccepted() {
            return server.stats().accepted();
        }

        @Override
        public long getOpen() {
            return server.stats().open();
        }

        @Override
        public Map<String, Long> getClosed() {
            return server.stats().closed().entrySet().stream()
                    .collect(Collectors.toMap(count -> count.getKey().name(), Map.Entry::getValue));
        }

        @Override
        public long getBytesRead() {
            return server.stats().bytesRead();
        }

        @Override
        public long getBytesWritten() {
            return server.stats().bytesWritten();
        }
    }

    private record LoopBean(SocketServer server, int number) implements LoopMXBean {
        private ServerStats.Loop loop() {
            return server.stats().loops().get(number);
        }

        private static double millis(Duration time) {
            return time.toNanos() / 1e6;
        }

        @Override
        public int getConnections() {
            return loop().connections();
        }

        @Override
        public double getBusyShare() {
            return loop().busyShare();
        }

        @Override
        public double getMeanTurnMillis() {
            return millis(loop().meanTurn());
        }

        @Override
        public double getLongestTurnMillis() {
            return millis(loop().longestTurn());
        }

        @Override
        public int getMailboxDepth() {
            return loop().mailboxDepth();
        }

        @Override
        public long getBytesRead() {
            return loop().bytesRead();
        }

        @Override
        public long getBytesWritten() {
            return loop().bytesWritten();
        }

        @Override
        public long getMovesIn() {
            return loop().movesIn();
        }

        @Override
        public long getMovesOut() {
            return loop().movesOut();
        }
    }
}
