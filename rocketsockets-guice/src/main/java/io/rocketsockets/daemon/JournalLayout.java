package io.rocketsockets.daemon;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.PatternLayout;
import ch.qos.logback.classic.spi.ILoggingEvent;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Log lines for whoever reads them, for programs that log by Logback: for systemd's journal each line begins with its priority
 * ({@code <6>}, see {@code sd-daemon(3)}), so that {@code journalctl -p warning} finds it, and without a time, which the
 * journal has; for anybody else by {@code pattern}.
 *
 * <pre>{@code
 * <encoder class="ch.qos.logback.core.encoder.LayoutWrappingEncoder">
 *   <layout class="io.rocketsockets.daemon.JournalLayout">
 *     <pattern>%d{HH:mm:ss.SSS} %-5level %msg%n</pattern>
 *   </layout>
 * </encoder>
 * }</pre>
 *
 * <p><b>Threading:</b> as any layout: several threads may format at the same time once it is started.
 */
public final class JournalLayout extends PatternLayout {
    private static final List<Path> OUTPUTS = List.of(Path.of("/proc/self/fd/1"), Path.of("/proc/self/fd/2"));

    private final boolean isForTheJournal;
    private String journalPattern = "%msg%n";

    /** For the journal when standard output or standard error is connected to it. */
    public JournalLayout() {
        this(isJournal(System.getenv()));
    }

    JournalLayout(boolean isForTheJournal) {
        this.isForTheJournal = isForTheJournal;
    }

    /** The pattern for the journal, by default {@code %msg%n}. */
    public void setJournalPattern(String pattern) {
        journalPattern = pattern;
    }

    @Override
    public void start() {
        if (isForTheJournal) {
            setPattern(journalPattern);
        }
        super.start();
    }

    /** Every line of a stack trace is a line to the journal. */
    @Override
    public String doLayout(ILoggingEvent event) {
        String text = super.doLayout(event);
        if (!isForTheJournal) {
            return text;
        }
        String priority = "<" + priority(event.getLevel()) + ">";
        return text.lines().map(line -> priority + line + "\n").collect(Collectors.joining());
    }

    private static int priority(Level level) {
        return switch (level.toInt()) {
            case Level.ERROR_INT -> 3;
            case Level.WARN_INT -> 4;
            case Level.INFO_INT -> 6;
            default -> 7;
        };
    }

    /** A child of a service inherits the variable, and may write elsewhere; see {@code systemd.exec(5)}. */
    private static boolean isJournal(Map<String, String> environment) {
        String journal = environment.get("JOURNAL_STREAM");
        return journal != null && OUTPUTS.stream().anyMatch(output -> journal.equals(deviceAndInode(output)));
    }

    private static @Nullable String deviceAndInode(Path file) {
        try {
            Map<String, Object> stat = Files.readAttributes(file, "unix:dev,ino");
            return stat.get("dev") + ":" + stat.get("ino");
        } catch (IOException | UnsupportedOperationException none) {
            return null; // closed, or no Linux: then it is not the journal
        }
    }
}
