package io.rocketsockets;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.ThrowableProxyUtil;
import ch.qos.logback.core.read.ListAppender;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.slf4j.LoggerFactory;

/** What the library logs from WARN upwards; a test takes the lines that it expects, any other fails it. */
final class Logs implements AutoCloseable {
    static {
        // On the module path Logback is a module that ours does not know.
        ModuleLayer.boot().modules().stream()
                .filter(module -> module.isNamed() && module.getName().startsWith("ch.qos.logback"))
                .forEach(module -> Logs.class.getModule().addReads(module));
    }

    private final Logger logger = (Logger) LoggerFactory.getLogger("io.rocketsockets");
    private final ListAppender<ILoggingEvent> appender = new ListAppender<>();

    Logs() {
        appender.list = new CopyOnWriteArrayList<>();
        appender.start();
        logger.setAdditive(false);
        logger.addAppender(appender);
    }

    /** Lets {@link #take} see everything that is logged. */
    void alsoDebug() {
        logger.setLevel(Level.TRACE);
    }

    /** Removes the lines that contain the text, and gives them with their stack traces. */
    List<String> take(String text) {
        List<ILoggingEvent> taken = appender.list.stream()
                .filter(event -> event.getFormattedMessage().contains(text))
                .toList();
        appender.list.removeAll(taken);
        return taken.stream().map(Logs::print).toList();
    }

    void assertNothingElse() {
        take("nothing is asked of a new connection");
        take(" is held up: for "); // a busy machine may do that to any test
        assertThat(appender.list.stream()
                        .filter(event -> event.getLevel().isGreaterOrEqual(Level.WARN))
                        .map(Logs::print))
                .as("log lines not expected")
                .isEmpty();
    }

    private static String print(ILoggingEvent event) {
        return event.getLevel() + " " + event.getFormattedMessage() + "\n"
                + ThrowableProxyUtil.asString(event.getThrowableProxy());
    }

    @Override
    public void close() {
        logger.detachAppender(appender);
        logger.setLevel(null);
        logger.setAdditive(true);
    }
}
