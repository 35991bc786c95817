package io.rocketsockets;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import javax.management.MBeanServer;
import javax.management.ObjectName;
import javax.management.openmbean.TabularData;
import org.junit.jupiter.api.Test;

@WithoutBystander(WithoutBystander.IT_COUNTS)
class JmxBeansTest extends EngineContract {
    private final MBeanServer beans = ManagementFactory.getPlatformMBeanServer();

    @Override
    public String engine() {
        return "nio";
    }

    private Set<String> registered() throws Exception {
        return beans.queryNames(new ObjectName("io.rocketsockets:*"), null).stream()
                .map(ObjectName::getCanonicalName)
                .collect(Collectors.toSet());
    }

    private Object of(String bean, String attribute) throws Exception {
        return beans.getAttribute(new ObjectName("io.rocketsockets:" + bean), attribute);
    }

    @Test
    void beansAreThereWhileTheServerRuns() throws Exception {
        TestServer server = server(x -> x.eventLoops(2).listener(new JmxBeans("chat")));
        assertThat(registered()).isEmpty();
        for (int run = 0; run < 2; run++) {
            server.start(idle());
            assertThat(registered())
                    .containsExactlyInAnyOrder(
                            "io.rocketsockets:name=chat,type=Server",
                            "io.rocketsockets:number=0,server=chat,type=Loop",
                            "io.rocketsockets:number=1,server=chat,type=Loop");
            server.server.stop();
            assertThat(registered()).isEmpty();
        }
    }

    @Test
    void attributesAreTheStatsOfTheServer() throws Exception {
        TestServer server =
                server(x -> x.eventLoops(2).listener(new JmxBeans("chat"))).start(echo());
        Client gone = server.connect();
        gone.exchange("abc");
        gone.close();
        Client client = server.connect();
        assertThat(client.exchange("de")).isEqualTo("de");
        server.socket(client).moveTo(0);
        await().until(() -> server.server.stats().loops().get(0).movesIn() == 1
                && server.server.stats().closed().size() == 1
                && server.server.stats().bytesWritten() == 5);
        ServerStats stats = server.server.stats();
        assertThat(of("type=Server,name=chat", "Accepted")).isEqualTo(2L);
        assertThat(of("type=Server,name=chat", "Open")).isEqualTo(1L);
        assertThat(of("type=Server,name=chat", "BytesRead")).isEqualTo(5L);
        assertThat(of("type=Server,name=chat", "BytesWritten")).isEqualTo(5L);
        TabularData closed = (TabularData) of("type=Server,name=chat", "Closed");
        assertThat(closed.get(new Object[] {"PEER_CLOSED"}).get("value")).isEqualTo(1L);
        for (ServerStats.Loop loop : stats.loops()) {
            String bean = "type=Loop,server=chat,number=" + loop.number();
            Map<String, Object> expected = Map.of(
                    "Connections", loop.connections(),
                    "BytesRead", loop.bytesRead(),
                    "BytesWritten", loop.bytesWritten(),
                    "MovesIn", loop.movesIn(),
                    "MovesOut", loop.movesOut(),
                    "MailboxDepth", 0);
            for (Map.Entry<String, Object> each : expected.entrySet()) {
                assertThat(of(bean, each.getKey())).as(each.getKey()).isEqualTo(each.getValue());
            }
            assertThat((double) of(bean, "BusyShare")).isBetween(0.0, 1.0);
            assertThat((double) of(bean, "MeanTurnMillis")).isNotNegative();
            assertThat((double) of(bean, "LongestTurnMillis"))
                    .isGreaterThanOrEqualTo(loop.longestTurn().toNanos() / 1e6);
        }
    }

    @Test
    void aNameThatIsTakenIsLoggedAndTheServerRunsWithoutBeans() throws Exception {
        server(x -> x.listener(new JmxBeans("same"))).start(echo());
        TestServer second = server(x -> x.listener(new JmxBeans("same"))).start(echo());
        assertThat(logs.take("listener threw: io.rocketsockets.JmxBeans"))
                .singleElement()
                .asString()
                .contains("cannot register JMX beans: name=same", "a name of its own");
        assertThat(second.connect().exchange("x")).isEqualTo("x");
        second.server.stop(Duration.ZERO);
        assertThat(registered()).hasSize(2);
    }

    @Test
    void anyNameWillDo() throws Exception {
        String name = "a=b,c:\"*?\n ü";
        server(x -> x.listener(new JmxBeans(name))).start(idle());
        assertThat(registered()).contains("io.rocketsockets:name=" + ObjectName.quote(name) + ",type=Server");
    }
}
