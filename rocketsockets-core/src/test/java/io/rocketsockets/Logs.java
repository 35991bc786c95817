package io.rocketsockets;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.ThrowableProxyUtil;
import ch.qos.logback.core.Appender;
import ch.qos.logback.core.filter.Filter;
import ch.qos.logback.core.read.ListAppender;
import ch.qos.logback.core.spi.ContextAwareBase;
import ch.qos.logback.core.spi.FilterAttachableImpl;
import ch.qos.logback.core.spi.FilterReply;
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

    /** Every line fails from now on, as with a provider that is broken. */
    void fail() {
        logger.addAppender(new BrokenAppender());
    }

    private static final class BrokenAppender extends ContextAwareBase implements Appender<ILoggingEvent> {
        private final FilterAttachableImpl<ILoggingEvent> filters = new FilterAttachableImpl<>();

        @Override
        public void doAppend(ILoggingEvent event) {
            throw new IllegalStateException("the log is broken, by the test");
        }

        @Override
        public String getName() {
            return "broken";
        }

        @Override
        public void setName(String name) {}

        @Override
        public void start() {}

        @Override
        public void stop() {}

        @Override
        public boolean isStarted() {
            return true;
        }

        @Override
        public void addFilter(Filter<ILoggingEvent> filter) {
            filters.addFilter(filter);
        }

        @Override
        public void clearAllFilters() {
            filters.clearAllFilters();
        }

        @Override
        public List<Filter<ILoggingEvent>> getCopyOfAttachedFiltersList() {
            return filters.getCopyOfAttachedFiltersList();
        }

        @Override
        public FilterReply getFilterChainDecision(ILoggingEvent event) {
            return filters.getFilterChainDecision(event);
        }
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
        logger.detachAppender("broken");
        logger.setLevel(null);
        logger.setAdditive(true);
    }
}
