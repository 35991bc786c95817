package io.rocketsockets;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TimerWheelTest {
    private static final long TICK = TimerWheel.TICK_NANOS;

    private long now;
    private TimerWheel wheel;
    private final List<Alarm> fired = new ArrayList<>();

    private void startAt(long nanos) {
        now = nanos;
        wheel = new TimerWheel(now);
    }

    private class Alarm extends TimerWheel.Timer {
        long deadline;
        int times;

        Alarm in(long delay) {
            deadline = now + delay;
            wheel.set(this, deadline);
            return this;
        }

        @Override
        void fire() {
            assertThat(now - deadline).as("lateness").isNotNegative();
            times++;
            fired.add(this);
        }
    }

    private void advance(long nanos) {
        now += nanos;
        wheel.advance(now);
    }

    /** As a loop does: sleeps no longer than the wheel says, and is never late by more than a tick. */
    private void run(long nanos) {
        long end = now + nanos;
        while (end - now > 0) {
            long wait = wheel.nanosToNext(now);
            advance(wait < 0 ? end - now : Math.min(Math.max(wait, 1), end - now));
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {0, -5_000_000_000L, Long.MAX_VALUE - 1_000_000_000L, Long.MIN_VALUE, Long.MAX_VALUE})
    void g6_aTimerFiresNeverEarlyAndWithinOneTick(long start) {
        startAt(start);
        Random random = new Random(start);
        List<Alarm> alarms = new ArrayList<>();
        long longest = 3 * 512 * TICK;
        for (int i = 0; i < 500; i++) {
            long delay = random.nextLong(longest);
            alarms.add(
                    new Alarm() {
                        @Override
                        void fire() {
                            super.fire();
                            assertThat(now - deadline).isLessThanOrEqualTo(TICK);
                        }
                    }.in(delay));
        }
        run(longest + TICK);
        assertThat(alarms).allSatisfy(alarm -> assertThat(alarm.times).isOne());
        assertThat(wheel.nanosToNext(now)).isNegative();
    }

    @ParameterizedTest
    @ValueSource(longs = {0, Long.MAX_VALUE - 1_000_000_000L})
    void g6_zeroAndNegativeDelaysFireAtTheNextTick(long start) {
        startAt(start);
        Alarm zero = new Alarm().in(0);
        Alarm past = new Alarm().in(-1_000_000);
        Alarm longPast = new Alarm().in(-3_600_000_000_000L);
        wheel.advance(now);
        assertThat(fired).isEmpty();
        run(TICK);
        assertThat(fired).containsExactlyInAnyOrder(zero, past, longPast);
    }

    @Test
    void g6_hugeDelaysDoNotFire() {
        startAt(Long.MAX_VALUE - 5);
        Alarm huge = new Alarm().in(Long.MAX_VALUE / 2);
        for (int i = 0; i < 2000; i++) {
            advance(TICK);
        }
        assertThat(huge.isSet()).isTrue();
        assertThat(huge.times).isZero();
    }

    @Test
    void nothingSetMeansWaitingForEver() {
        startAt(7);
        assertThat(wheel.nanosToNext(now)).isNegative();
        Alarm alarm = new Alarm().in(10 * TICK);
        assertThat(wheel.nanosToNext(now)).isBetween(10 * TICK, 11 * TICK);
        wheel.cancel(alarm);
        assertThat(wheel.nanosToNext(now)).isNegative();
    }

    @Test
    void theWaitIsThatOfTheNextTimer() {
        startAt(0);
        new Alarm().in(400 * TICK);
        new Alarm().in(3 * TICK);
        assertThat(wheel.nanosToNext(now)).isEqualTo(3 * TICK);
        assertThat(wheel.nanosToNext(now + TICK + 5)).isEqualTo(2 * TICK - 5);
        assertThat(wheel.nanosToNext(now + 9 * TICK)).isZero();
        advance(3 * TICK);
        assertThat(fired).hasSize(1);
        assertThat(wheel.nanosToNext(now)).isEqualTo(397 * TICK);
    }

    @Test
    void aCancelledTimerDoesNotFire() {
        startAt(0);
        Alarm first = new Alarm().in(TICK);
        Alarm cancelled = new Alarm().in(TICK);
        Alarm last = new Alarm().in(TICK);
        assertThat(cancelled.isSet()).isTrue();
        wheel.cancel(cancelled);
        wheel.cancel(cancelled);
        assertThat(cancelled.isSet()).isFalse();
        run(3 * TICK);
        assertThat(fired).containsExactlyInAnyOrder(first, last);
        wheel.cancel(first);
    }

    @Test
    void aTimerSetAnewFiresOnceAtItsLastDeadline() {
        startAt(0);
        Alarm later = new Alarm().in(2 * TICK).in(20 * TICK);
        Alarm sooner = new Alarm().in(600 * TICK).in(TICK);
        run(3 * TICK);
        assertThat(fired).containsExactly(sooner);
        run(20 * TICK);
        assertThat(fired).containsExactly(sooner, later);
        run(700 * TICK);
        assertThat(fired).hasSize(2);
    }

    @Test
    void g6_aTimerMaySetItselfAnewWhenItFires() {
        startAt(0);
        Alarm periodic = new Alarm() {
            @Override
            void fire() {
                super.fire();
                in(TICK);
            }
        };
        periodic.in(TICK);
        run(100 * TICK);
        assertThat(periodic.times).isBetween(50, 100);
    }

    @Test
    void g6_aTimerMayCancelAndSetOthersWhenItFires() {
        startAt(0);
        List<Alarm> alarms = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            alarms.add(new Alarm() {
                @Override
                void fire() {
                    super.fire();
                    // Of those due in the same tick the first to fire cancels all others.
                    alarms.forEach(wheel::cancel);
                    new Alarm().in(2 * TICK);
                }
            });
        }
        alarms.forEach(alarm -> alarm.in(TICK));
        run(10 * TICK);
        assertThat(alarms.stream().mapToInt(alarm -> alarm.times).sum()).isOne();
        assertThat(fired).hasSize(2);
    }

    @ParameterizedTest
    @ValueSource(longs = {60_000_000_000L, 24 * 3_600_000_000_000L})
    void o3_aLongFreezeFiresEachTimerOnce(long freeze) {
        startAt(Long.MAX_VALUE - 10_000_000_000L);
        List<Alarm> alarms = new ArrayList<>();
        for (int i = 0; i < 1000; i++) {
            alarms.add(new Alarm().in(i * 50_000_000L));
        }
        Alarm after = new Alarm().in(freeze + 10 * TICK);
        advance(freeze);
        assertThat(fired).hasSize(1000);
        assertThat(alarms).allSatisfy(alarm -> assertThat(alarm.times).isOne());
        run(12 * TICK);
        assertThat(after.times).isOne();
    }

    @Test
    void aTimerThatThrowsLeavesTheOthersInTheWheel() {
        startAt(0);
        for (int i = 0; i < 3; i++) {
            new Alarm() {
                @Override
                void fire() {
                    super.fire();
                    throw new IllegalStateException("thrown by the test");
                }
            }.in(TICK);
        }
        for (int i = 0; i < 5; i++) {
            try {
                run(TICK);
            } catch (IllegalStateException thrown) {
                now += 1;
            }
        }
        assertThat(fired).hasSize(3);
    }

    @Test
    void g6_aMillionTimersComeAndGo() {
        startAt(0);
        List<Alarm> alarms = new ArrayList<>();
        for (int i = 0; i < 1_000_000; i++) {
            alarms.add(new Alarm().in(TICK + i * 1000L));
        }
        for (int i = 0; i < alarms.size(); i += 2) {
            wheel.cancel(alarms.get(i));
        }
        run(TICK + 1_000_000_000L + TICK);
        assertThat(fired).hasSize(500_000);
        assertThat(wheel.nanosToNext(now)).isNegative();
    }
}
