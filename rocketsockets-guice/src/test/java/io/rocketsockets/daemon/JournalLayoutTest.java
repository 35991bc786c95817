package io.rocketsockets.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.LoggingEvent;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class JournalLayoutTest {
    private final LoggerContext context = new LoggerContext();

    private String line(boolean isForTheJournal, Level level, String message, Throwable failure) {
        JournalLayout layout = new JournalLayout(isForTheJournal);
        layout.setContext(context);
        layout.setPattern("time %-5level %msg%n");
        layout.start();
        return layout.doLayout(
                new LoggingEvent("caller", context.getLogger("name"), level, message, failure, new Object[0]));
    }

    @ParameterizedTest
    @CsvSource({"ERROR, 3", "WARN, 4", "INFO, 6", "DEBUG, 7", "TRACE, 7"})
    void theJournalGetsThePriority(String level, String priority) {
        assertThat(line(true, Level.toLevel(level), "hello", null)).isEqualTo("<" + priority + ">hello\n");
    }

    @Test
    void everyLineHasIt() {
        assertThat(line(true, Level.ERROR, "one\ntwo", new IllegalStateException("three")))
                .startsWith("<3>one\n<3>two\n<3>java.lang.IllegalStateException: three\n<3>\tat ")
                .satisfies(text -> assertThat(text.lines()).allMatch(line -> line.startsWith("<3>")));
    }

    @Test
    void anybodyElseGetsThePattern() {
        assertThat(line(false, Level.WARN, "hello", null)).isEqualTo("time WARN  hello" + System.lineSeparator());
    }
}
