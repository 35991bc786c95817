package io.rocketsockets.guice;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.rocketsockets.messages.Golden;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Signals, exit statuses and messages, as whoever operates the process sees them. */
class DaemonProcessTest {
    private static final String FIRST = service("First");
    private static final String LAST = service("Last");
    private static final String SERVING = service("Serving");

    private static String service(String name) {
        return "--service=" + TalkingDaemon.class.getName() + "$" + name;
    }

    @Test
    void sigtermStopsInReverseAndEndsWith143() throws Exception {
        try (DaemonProcess daemon = DaemonProcess.start("run", FIRST, SERVING, LAST)) {
            daemon.awaitLine("talking is running");
            daemon.signal("TERM");
            assertThat(daemon.exitStatus()).isEqualTo(143);
            assertThat(daemon.calls())
                    .containsExactly(
                            "start First", "start Serving", "start Last", "stop Last", "stop Serving", "stop First");
            assertThat(daemon.errors()).isEmpty();
        }
    }

    @Test
    void sigintStopsAndEndsWith130() throws Exception {
        DaemonProcess.assumeThatInterruptsAreHeard();
        try (DaemonProcess daemon = DaemonProcess.start(FIRST)) {
            daemon.awaitLine("talking is running");
            daemon.signal("INT");
            assertThat(daemon.exitStatus()).isEqualTo(130);
            assertThat(daemon.calls()).containsExactly("start First", "stop First");
        }
    }

    @Test
    void aSecondSignalEndsTheProcessAtOnce() throws Exception {
        try (DaemonProcess daemon = DaemonProcess.start(FIRST, service("HangsAtStop"))) {
            daemon.awaitLine("talking is running");
            daemon.signal("TERM");
            daemon.awaitLine("stop HangsAtStop");
            daemon.signal("TERM");
            assertThat(daemon.exitStatus()).isEqualTo(143);
            assertThat(daemon.calls()).endsWith("stop HangsAtStop");
        }
    }

    private static void assertThatASecondSignalEnds(DaemonProcess daemon, String phase) throws Exception {
        daemon.signal("TERM");
        daemon.awaitLine(phase);
        daemon.signal("TERM");
        assertThat(daemon.exitStatus()).isEqualTo(143);
        assertThat(daemon.output()).noneMatch(line -> line.endsWith("talking has stopped"));
    }

    @Test
    void aSecondSignalEndsAStart() throws Exception {
        try (DaemonProcess daemon = DaemonProcess.start(FIRST, service("HangsAtStop"), service("HangsAtStart"))) {
            daemon.awaitLine("start HangsAtStart");
            assertThatASecondSignalEnds(daemon, "stop HangsAtStop");
            assertThat(daemon.calls()).doesNotContain("stop First");
        }
    }

    @Test
    void aSecondSignalEndsADrainDelay() throws Exception {
        try (DaemonProcess daemon = DaemonProcess.start(FIRST, "--set=daemon.drainDelay=60s")) {
            daemon.awaitLine("talking is running");
            assertThatASecondSignalEnds(daemon, "talking is stopping");
            assertThat(daemon.calls()).containsExactly("start First");
        }
    }

    /** A peer that does not read keeps the server from its end. */
    @Test
    void aSecondSignalEndsADrain() throws Exception {
        try (DaemonProcess daemon = DaemonProcess.start(service("Echoing"))) {
            try (SocketChannel peer = SocketChannel.open(daemon.awaitAddress())) {
                peer.configureBlocking(false);
                ByteBuffer bytes = ByteBuffer.allocate(64 << 20);
                await().until(() -> peer.write(bytes) == 0 && bytes.position() > 0);
                assertThatASecondSignalEnds(daemon, "talking is stopping");
                assertThat(daemon.output()).noneMatch(line -> line.startsWith("echoed "));
            }
        }
    }

    @Test
    void aSecondSignalEndsAHungCallback() throws Exception {
        try (DaemonProcess daemon = DaemonProcess.start(service("Echoing"), "--set=stallLimit=0")) {
            try (SocketChannel peer = SocketChannel.open(daemon.awaitAddress())) {
                peer.write(ByteBuffer.wrap(new byte[] {TalkingDaemon.Echoing.STUCK}));
                assertThatASecondSignalEnds(daemon, "talking is stopping");
            }
        }
    }

    /** Below the time after which systemd kills, which is the stop timeout and more. */
    @Test
    void aHungCallbackDoesNotOutliveTheStopTimeout() throws Exception {
        try (DaemonProcess daemon =
                DaemonProcess.start("-DstopTimeout=PT1S", FIRST, service("Echoing"), "--set=stallLimit=0")) {
            try (SocketChannel peer = SocketChannel.open(daemon.awaitAddress())) {
                peer.write(ByteBuffer.wrap(new byte[] {TalkingDaemon.Echoing.STUCK}));
                daemon.signal("TERM");
                assertThat(daemon.exitStatus()).isEqualTo(143);
                assertThat(daemon.calls()).contains("stop First");
            }
        }
    }

    @Test
    void aSecondSignalMayBeAnother() throws Exception {
        DaemonProcess.assumeThatInterruptsAreHeard();
        try (DaemonProcess daemon = DaemonProcess.start(service("HangsAtStop"))) {
            daemon.awaitLine("talking is running");
            daemon.signal("TERM");
            daemon.awaitLine("stop HangsAtStop");
            daemon.signal("INT");
            assertThat(daemon.exitStatus()).isEqualTo(130);
        }
    }

    @Test
    void aStopThatHangsIsLeftBehind() throws Exception {
        try (DaemonProcess daemon = DaemonProcess.start("-DstopTimeout=PT0.4S", FIRST, service("HangsAtStop"))) {
            daemon.awaitLine("talking is running");
            daemon.signal("TERM");
            assertThat(daemon.exitStatus()).isEqualTo(143);
            assertThat(daemon.calls()).endsWith("stop HangsAtStop", "stop First");
            assertThat(daemon.output())
                    .anyMatch(line -> line.contains("cannot stop: service=" + TalkingDaemon.class.getName()
                            + "$HangsAtStop has not come to an end within its "));
        }
    }

    @Test
    void aSignalWhileStartingStopsWhatHasStarted() throws Exception {
        try (DaemonProcess daemon = DaemonProcess.start(FIRST, service("HangsAtStart"))) {
            daemon.awaitLine("start HangsAtStart");
            daemon.signal("TERM");
            assertThat(daemon.exitStatus()).isEqualTo(143);
            assertThat(daemon.calls()).containsExactly("start First", "start HangsAtStart", "stop First");
        }
    }

    @Test
    void aServiceMayEndTheProcess() throws Exception {
        try (DaemonProcess daemon = DaemonProcess.start(FIRST, service("Exits"))) {
            assertThat(daemon.exitStatus()).isEqualTo(3);
            assertThat(daemon.calls()).contains("stop First");
        }
    }

    @Test
    void aPortInUseEndsWith69AndSaysSo() throws Exception {
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"));
                DaemonProcess daemon = DaemonProcess.start(FIRST, SERVING, LAST, "--port=" + taken.getLocalPort())) {
            assertThat(daemon.exitStatus()).isEqualTo(69);
            assertThat(daemon.calls()).containsExactly("start First", "start Serving", "stop First");
            Golden.assertMessage(daemon.errors().replace(":" + taken.getLocalPort(), ":PORT"), "process-port-in-use");
            assertThat(daemon.output()).noneMatch(line -> line.startsWith("\tat "));
            assertThat(daemon.output()).anyMatch(line -> line.contains("ERROR") && line.contains("cannot listen"));
        }
    }

    @Test
    void aServiceThatCannotStartEndsWith70AndItsCause() throws Exception {
        try (DaemonProcess daemon = DaemonProcess.start(FIRST, service("CannotStart"))) {
            assertThat(daemon.exitStatus()).isEqualTo(70);
            assertThat(daemon.calls()).containsExactly("start First", "stop First");
            Golden.assertMessage(daemon.errors(), "process-cannot-start");
            assertThat(daemon.output()).anyMatch(line -> line.startsWith("Caused by: java.io.IOException: disk full"));
        }
    }

    /** What is wrong, and what has started by then. */
    @ParameterizedTest
    @CsvSource(textBlock = """
            CannotStart,          java.io.IOException: disk full,                          true
            CannotLoad,           java.lang.NoClassDefFoundError: a jar that is not there, true
            CannotBeMade,         IllegalStateException: no licence,                       false
            NeedsWhatNobodyBinds, No implementation for Runnable was bound,                false
            """)
    void aFaultOfAnyKindLeavesNothingBehind(String fault, String cause, boolean othersHaveStarted) throws Exception {
        int port = Loopback.freePort();
        try (DaemonProcess daemon =
                DaemonProcess.start(FIRST, service("Echoing"), service(fault), LAST, "--port=" + port)) {
            assertThat(daemon.exitStatus()).isEqualTo(70);
            assertThat(daemon.errors()).startsWith("talking: ").contains(cause);
            if (othersHaveStarted) {
                assertThat(daemon.calls())
                        .containsExactly("start First", "start Echoing", "stop Echoing", "stop First");
            } else {
                assertThat(daemon.calls()).isEmpty();
            }
        }
        new ServerSocket(port, 1, InetAddress.getByName("127.0.0.1")).close();
    }

    @Test
    void aStartThatHangsEndsWith70() throws Exception {
        try (DaemonProcess daemon = DaemonProcess.start("-DstartTimeout=PT0.5S", FIRST, service("HangsAtStart"))) {
            assertThat(daemon.exitStatus()).isEqualTo(70);
            assertThat(daemon.calls()).endsWith("stop First");
            Golden.assertMessage(daemon.errors(), "process-start-timeout");
        }
    }

    @Test
    void aBadConfigurationEndsWith78AndEveryError() throws Exception {
        try (DaemonProcess daemon = DaemonProcess.start(FIRST, "--port=70000")) {
            assertThat(daemon.exitStatus()).isEqualTo(78);
            assertThat(daemon.calls()).isEmpty();
            Golden.assertMessage(daemon.errors(), "process-bad-configuration");
        }
    }

    @Test
    void anUnknownOptionEndsWith64AndAUsageLine() throws Exception {
        try (DaemonProcess daemon = DaemonProcess.start("--prot=1")) {
            assertThat(daemon.exitStatus()).isEqualTo(64);
            Golden.assertMessage(daemon.errors(), "process-unknown-option");
        }
    }

    @Test
    void helpAndVersionEndWith0() throws Exception {
        try (DaemonProcess help = DaemonProcess.start("--help");
                DaemonProcess version = DaemonProcess.start("--version")) {
            assertThat(help.exitStatus()).isZero();
            assertThat(help.output()).anyMatch(line -> line.contains("--port"));
            assertThat(help.errors()).isEmpty();
            assertThat(version.exitStatus()).isZero();
            assertThat(version.output()).first().asString().startsWith("talking ");
        }
    }
}
