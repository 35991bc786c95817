package io.rocketsockets;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * How long one socket may keep the server waiting, as data; {@link Duration#ZERO}, or a rate of 0, switches a rule off.
 *
 * <p>Each method with an argument returns a changed copy: {@code timeouts.idle(Duration.ofMinutes(5))}. Set for an endpoint
 * by {@link EndpointConfigurator#timeouts}, for a socket by {@link SocketHandle#timeouts(Timeouts)}.
 *
 * <p><b>What counts:</b> time in which nothing is asked of the peer does not. Reading is waited for while the
 * application has asked for a read and the socket is not paused by the water marks; writing while bytes are queued that
 * the kernel does not take. Each wait begins anew when its condition does, and with each byte that moves. A rule is
 * applied within 0.1 s after its time, never before. Time in which the process was frozen, or a callback held the loop, does
 * not count beyond one second.
 *
 * @param firstByte from accept until the peer has sent anything ({@link CloseReason#TIMEOUT_FIRST_BYTE}); by default 30 s,
 *     for a person at a terminal
 * @param idle no byte either way while one is waited for ({@link CloseReason#TIMEOUT_IDLE}); by default 2 min, as in
 *     Kestrel
 * @param read no byte from the peer while a read is asked for ({@link CloseReason#TIMEOUT_READ}); off
 * @param write bytes are queued and the peer takes none ({@link CloseReason#TIMEOUT_WRITE}, with a reset); by default 60 s,
 *     as nginx' {@code send_timeout}
 * @param lifetime from accept ({@link CloseReason#TIMEOUT_LIFETIME}); off
 * @param minReadRate bytes a second within a message, see {@link SocketHandle#messageBegins()}, on average since its
 *     beginning ({@link CloseReason#LIMIT_READ_RATE}, with a reset); by default 240, as in Kestrel
 * @param minWriteRate bytes a second that the peer takes while some are queued, on average since the queue began to form
 *     ({@link CloseReason#LIMIT_WRITE_RATE}, with a reset); off
 * @param rateGrace how long no rate is asked for; by default 5 s, as in Kestrel
 */
public record Timeouts(
        Duration firstByte,
        Duration idle,
        Duration read,
        Duration write,
        Duration lifetime,
        int minReadRate,
        int minWriteRate,
        Duration rateGrace) {

    /** What holds where nothing else is said. */
    public static final Timeouts DEFAULT = new Timeouts(
            Duration.ofSeconds(30),
            Duration.ofMinutes(2),
            Duration.ZERO,
            Duration.ofSeconds(60),
            Duration.ZERO,
            240,
            0,
            Duration.ofSeconds(5));

    /** No rule at all: every peer may wait for ever. */
    public static final Timeouts NONE = new Timeouts(
            Duration.ZERO, Duration.ZERO, Duration.ZERO, Duration.ZERO, Duration.ZERO, 0, 0, Duration.ZERO);

    public Timeouts {
        Objects.requireNonNull(firstByte, "firstByte");
        Objects.requireNonNull(idle, "idle");
        Objects.requireNonNull(read, "read");
        Objects.requireNonNull(write, "write");
        Objects.requireNonNull(lifetime, "lifetime");
        Objects.requireNonNull(rateGrace, "rateGrace");
    }

    public Timeouts firstByte(Duration time) {
        return new Timeouts(time, idle, read, write, lifetime, minReadRate, minWriteRate, rateGrace);
    }

    public Timeouts idle(Duration time) {
        return new Timeouts(firstByte, time, read, write, lifetime, minReadRate, minWriteRate, rateGrace);
    }

    public Timeouts read(Duration time) {
        return new Timeouts(firstByte, idle, time, write, lifetime, minReadRate, minWriteRate, rateGrace);
    }

    public Timeouts write(Duration time) {
        return new Timeouts(firstByte, idle, read, time, lifetime, minReadRate, minWriteRate, rateGrace);
    }

    public Timeouts lifetime(Duration time) {
        return new Timeouts(firstByte, idle, read, write, time, minReadRate, minWriteRate, rateGrace);
    }

    public Timeouts minReadRate(int bytesPerSecond) {
        return new Timeouts(firstByte, idle, read, write, lifetime, bytesPerSecond, minWriteRate, rateGrace);
    }

    public Timeouts minWriteRate(int bytesPerSecond) {
        return new Timeouts(firstByte, idle, read, write, lifetime, minReadRate, bytesPerSecond, rateGrace);
    }

    public Timeouts rateGrace(Duration time) {
        return new Timeouts(firstByte, idle, read, write, lifetime, minReadRate, minWriteRate, time);
    }

    /** Every rule that is broken. */
    List<String> errors() {
        List<String> errors = new ArrayList<>();
        notNegative("firstByte", firstByte, errors);
        notNegative("idle", idle, errors);
        notNegative("read", read, errors);
        notNegative("write", write, errors);
        notNegative("lifetime", lifetime, errors);
        notNegative("rateGrace", rateGrace, errors);
        notNegative("minReadRate", minReadRate, errors);
        notNegative("minWriteRate", minWriteRate, errors);
        return errors;
    }

    private static void notNegative(String name, Duration time, List<String> errors) {
        if (time.isNegative()) {
            errors.add("timeouts." + name + "=" + time + " is negative; pass a time, or Duration.ZERO for none");
        }
    }

    private static void notNegative(String name, int rate, List<String> errors) {
        if (rate < 0) {
            errors.add("timeouts." + name + "=" + rate + " < 0; pass bytes a second, or 0 for no rule");
        }
    }
}
