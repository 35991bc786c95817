package io.rocketsockets;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.Writer;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * A way from this network namespace through another one and back, where packets are lost, kept or answered by others. Who
 * connects to {@link #PEER} arrives at {@link #SERVER}, and seems to come from the former: the other namespace exchanges the
 * two addresses in each packet and sends it back, without knowing of connections.
 *
 * <p>Only within {@link InNamespace}, since it makes an interface and a route.
 */
final class BadPath implements AutoCloseable {
    /** What the server binds to. */
    static final String SERVER = "10.0.0.1";

    /** What clients connect to and the server sees as their address. */
    static final String PEER = "10.0.0.2";

    /** Retransmissions begin after 20 ms, so that a test of losses does not take a minute. */
    private static final String ROUTE = "ip route replace 10.0.0.2 via 10.0.1.2 src 10.0.0.1 rto_min 20ms";

    /** One segment a packet: else the loss of a packet would be that of 64 KiB. */
    private static final String HERE = """
            ip link add clear gso_max_segs 1 type veth peer name bad netns %d
            ip addr add 10.0.1.1/24 dev clear
            ip link set clear up
            """ + ROUTE;

    private static final String UP = """
            ip link set bad up
            ip route replace 10.0.0.1 via 10.0.1.1
            """;

    private static final String THERE = """
            set -e
            ip addr add 10.0.1.2/24 dev bad
            """ + UP + """
            cd /proc/sys/net/ipv4
            echo 1 > ip_forward
            echo 0 > ip_forward_update_priority # else forwarding takes a packet out of the lane that it was given
            for each in all bad; do
              echo 0 > conf/$each/rp_filter
              echo 0 > conf/$each/send_redirects
            done
            nft -f - <<end
            table ip path {
              chain fault { type filter hook prerouting priority -310; }
              chain exchange {
                type filter hook prerouting priority -300
                ip saddr 10.0.0.1 ip daddr 10.0.0.2 ip saddr set 10.0.0.2 ip daddr set 10.0.0.1 goto after
              }
              chain after {}
            }
            end
            set +e
            """;

    private static final String DONE = "= ";

    private final int port;
    private final Process shell;
    private final BufferedReader output;
    private final Writer input;

    BadPath(SocketAddress server) throws IOException {
        port = ((InetSocketAddress) server).getPort();
        shell = new ProcessBuilder("unshare", "-n", "sh")
                .redirectErrorStream(true)
                .start();
        output = shell.inputReader(UTF_8);
        input = shell.outputWriter(UTF_8);
        there("true"); // it has its namespace
        here(HERE.formatted(shell.pid()));
        there(THERE);
    }

    SocketAddress address() {
        return new InetSocketAddress(PEER, port);
    }

    /** What is said of packets to the server, in the language of nft. */
    String toServer(String verdict) {
        return "tcp dport " + port + " " + verdict;
    }

    String fromServer(String verdict) {
        return "tcp sport " + port + " " + verdict;
    }

    /** What becomes of packets as they come. */
    void fault(String... rules) throws IOException {
        for (String rule : rules) {
            there("nft 'add rule ip path fault " + rule + "'");
        }
    }

    /** What becomes of packets on their way back. */
    void faultAfter(String rule) throws IOException {
        there("nft 'add rule ip path after " + rule + "'");
    }

    /** So fast and no faster, all in all. */
    void rate(String rate, String burst) throws IOException {
        there("tc qdisc replace dev bad root tbf rate " + rate + " burst " + burst + " latency 10s");
    }

    /** A few of the packets take a slow lane, where others overtake them. */
    void reorder(int percent) throws IOException {
        there("tc qdisc replace dev bad root handle 1: htb default 1"
                + " && tc class add dev bad parent 1: classid 1:1 htb rate 10gbit quantum 60000"
                + " && tc class add dev bad parent 1: classid 1:2 htb rate 10mbit");
        faultAfter("numgen random mod 100 < " + percent + " meta priority set 1:2");
    }

    /** Fails unless {@link #reorder} has slowed a packet down. */
    void hasSlowedSome() throws IOException {
        there("tc -s class show dev bad classid 1:2 | grep 'Sent [1-9]'");
    }

    void mtuOfLink(int bytes) throws IOException {
        here("ip link set clear mtu " + bytes);
        there("ip link set bad mtu " + bytes);
    }

    /** The kernel cuts its packets to so many bytes. */
    void mtuOfRoute(int bytes) throws IOException {
        here(ROUTE + " mtu lock " + bytes);
    }

    void down() throws IOException {
        there("ip link set bad down");
    }

    void up() throws IOException {
        there(UP);
    }

    /** Packets carry their checksum over the virtual link, which otherwise leaves it out. */
    void carryChecksums() throws IOException {
        here("python3 -c \"import array, fcntl, socket, struct\n"
                + "off = array.array('B', struct.pack('II', 0x17, 0))\n" // ETHTOOL_STXCSUM
                + "fcntl.ioctl(socket.socket(), 0x8946, struct.pack('16sP16x', b'clear', off.buffer_info()[0]))\"");
    }

    void heal() throws IOException {
        there("nft flush chain ip path fault && nft flush chain ip path after");
        there("tc qdisc del dev bad root 2>/dev/null; true");
    }

    /** Of this namespace since it is, such as {@code RetransSegs}. */
    static long counter(String name) throws IOException {
        for (String file : List.of("/proc/net/snmp", "/proc/net/netstat")) {
            List<String> lines = Files.readAllLines(Path.of(file));
            for (int i = 0; i + 1 < lines.size(); i += 2) {
                int column = List.of(lines.get(i).split(" ")).indexOf(name);
                if (column > 0
                        && !lines.get(i).startsWith("Udp")
                        && !lines.get(i).startsWith("Icmp")) {
                    return Long.parseLong(lines.get(i + 1).split(" ")[column]);
                }
            }
        }
        throw new AssertionError("the kernel does not count " + name);
    }

    private static void here(String script) throws IOException {
        Process process = new ProcessBuilder("sh", "-ec", script)
                .redirectErrorStream(true)
                .start();
        String said = new String(process.getInputStream().readAllBytes(), UTF_8);
        assertThat(process.onExit().join().exitValue())
                .as("%s: %s", script, said)
                .isZero();
    }

    private void there(String script) throws IOException {
        input.write(script + "\necho \"" + DONE + "$?\"\n");
        input.flush();
        StringBuilder said = new StringBuilder();
        String line = output.readLine();
        while (line != null && !line.startsWith(DONE)) {
            said.append(line).append('\n');
            line = output.readLine();
        }
        assertThat(line).as("%s: %s", script, said).isEqualTo(DONE + "0");
    }

    @Override
    public void close() throws IOException {
        try (output;
                input) {
            here("ip link del clear");
        }
        shell.onExit().join();
    }
}
