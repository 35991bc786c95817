package io.rocketsockets;

import static java.time.Duration.ZERO;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LoopMeterTest {
    private static final long SECOND = 1_000_000_000;
    private static final long MILLI = 1_000_000;
    private static final Offset<Double> CLOSELY = within(1e-9);

    private static ServerStats sum(List<LoopMeter> meters, long now) {
        List<ServerStats.Loop> loops = new ArrayList<>();
        meters.forEach(meter -> loops.add(meter.snapshot(loops.size(), 0, 0, now)));
        return LoopMeter.sum(meters, loops);
    }

    private static double share(LoopMeter meter, long now) {
        return meter.snapshot(0, 0, 0, now).busyShare();
    }

    @Nested
    class Counts {
        private final LoopMeter meter = new LoopMeter(0);

        @Test
        void aNewMeterCountsNothing() {
            assertThat(sum(List.of(meter), 0))
                    .isEqualTo(new ServerStats(0, 0, Map.of(), 0, 0, List.of(new ServerStats.Loop(0, 0, 0))));
        }

        @Test
        void noLoopsSumUpToNothing() {
            assertThat(sum(List.of(), 0)).isEqualTo(ServerStats.EMPTY);
        }

        @Test
        void connectionsAreThoseOpenedAndNotClosed() {
            meter.opened();
            meter.opened();
            meter.opened();
            meter.closed(CloseReason.PEER_CLOSED);
            assertThat(meter.connections()).isEqualTo(2);
            assertThat(meter.snapshot(7, 0, 0, 0)).isEqualTo(new ServerStats.Loop(7, 2, 0));
        }

        @Test
        void aConnectionTurnedAwayIsClosedAndWasNeverOpen() {
            meter.accepted();
            meter.turnedAway(CloseReason.STOPPED);
            assertThat(meter.connections()).isZero();
            assertThat(sum(List.of(meter), 0).closed()).isEqualTo(Map.of(CloseReason.STOPPED, 1L));
        }

        @Test
        void theSumIsThatOfAllLoopsAndNamesEachLoop() {
            LoopMeter other = new LoopMeter(0);
            for (int i = 0; i < 5; i++) {
                meter.accepted();
            }
            for (int i = 0; i < 3; i++) {
                meter.opened();
            }
            meter.closed(CloseReason.CLOSED);
            meter.closed(CloseReason.PEER_RESET);
            meter.read(10);
            meter.read(Integer.MAX_VALUE);
            meter.wrote(1);
            other.opened();
            other.opened();
            other.closed(CloseReason.CLOSED);
            other.read(5);
            other.wrote(1L << 40);
            assertThat(sum(List.of(meter, other), 0))
                    .isEqualTo(new ServerStats(
                            5,
                            2,
                            Map.of(CloseReason.CLOSED, 2L, CloseReason.PEER_RESET, 1L),
                            15L + Integer.MAX_VALUE,
                            1 + (1L << 40),
                            List.of(
                                    new ServerStats.Loop(0, 1, 0, ZERO, ZERO, 0, 10L + Integer.MAX_VALUE, 1, 0, 0),
                                    new ServerStats.Loop(1, 1, 0, ZERO, ZERO, 0, 5, 1L << 40, 0, 0))));
        }

        @Test
        void everyReasonIsCountedByItself() {
            Map<CloseReason, Long> expected = new EnumMap<>(CloseReason.class);
            for (CloseReason reason : CloseReason.values()) {
                for (int i = 0; i <= reason.ordinal(); i++) {
                    meter.turnedAway(reason);
                }
                expected.put(reason, reason.ordinal() + 1L);
            }
            assertThat(sum(List.of(meter), 0).closed()).isEqualTo(expected);
        }

        @Test
        void aReaderNeverSeesLessThanNoConnection() throws Exception {
            int turns = 300_000;
            CompletableFuture<Void> loop = CompletableFuture.runAsync(
                    () -> {
                        for (int i = 0; i < turns; i++) {
                            meter.opened();
                            meter.closed(CloseReason.values()[i % CloseReason.values().length]);
                        }
                    },
                    task -> new Thread(task, "loop").start());
            while (!loop.isDone()) {
                assertThat(meter.connections()).isNotNegative();
            }
            loop.get(10, TimeUnit.SECONDS);
            assertThat(meter.connections()).isZero();
        }
    }

    /** Wherever the clock stands, at its wrap-around too. */
    @Nested
    class BusyShare {
        @ParameterizedTest
        @ValueSource(longs = {0, -SECOND, -SECOND / 2, Long.MAX_VALUE, Long.MIN_VALUE, Long.MAX_VALUE - SECOND / 2})
        void ofALoopThatAlwaysWorksGrowsToOne(long start) {
            LoopMeter meter = new LoopMeter(start);
            meter.publish(start + SECOND);
            assertThat(share(meter, start + SECOND)).isEqualTo(1 - Math.exp(-1), CLOSELY);
            for (int i = 2; i <= 30; i++) {
                meter.publish(start + i * SECOND);
            }
            assertThat(share(meter, start + 30 * SECOND)).isEqualTo(1, CLOSELY);
        }

        @ParameterizedTest
        @ValueSource(longs = {0, -SECOND, -SECOND / 2, Long.MAX_VALUE, Long.MIN_VALUE, Long.MAX_VALUE - SECOND / 2})
        void ofALoopThatOnlyWaitsIsZero(long start) {
            LoopMeter meter = new LoopMeter(start);
            for (int i = 0; i < 30; i++) {
                meter.waits(start + i * SECOND);
                meter.works(start + (i + 1) * SECOND);
                meter.publish(start + (i + 1) * SECOND);
            }
            assertThat(share(meter, start + 30 * SECOND)).isEqualTo(0, within(1e-8));
        }

        @ParameterizedTest
        @ValueSource(longs = {0, -SECOND, Long.MAX_VALUE - SECOND / 2})
        void ofALoopThatWaitsThreeQuartersOfItsTimeIsOneQuarter(long start) {
            LoopMeter meter = new LoopMeter(start);
            long now = start;
            for (int i = 0; i < 20_000; i++) {
                meter.waits(now);
                now += 3 * MILLI / 4;
                meter.works(now);
                now += MILLI / 4;
                meter.publish(now);
            }
            assertThat(share(meter, now)).isEqualTo(0.25, within(1e-6));
        }

        @Test
        void isPublishedOnceInATenthOfASecond() {
            LoopMeter meter = new LoopMeter(0);
            meter.publish(100 * MILLI - 1);
            assertThat(share(meter, 100 * MILLI)).isZero();
            meter.publish(100 * MILLI);
            assertThat(share(meter, 100 * MILLI)).isEqualTo(1 - Math.exp(-0.1), CLOSELY);
        }

        @Test
        void doesNotDependOnTheLengthOfTheWindows() {
            LoopMeter fine = new LoopMeter(0);
            LoopMeter coarse = new LoopMeter(0);
            for (int i = 1; i <= 20; i++) {
                fine.publish(i * 100 * MILLI);
            }
            coarse.publish(2 * SECOND);
            assertThat(share(fine, 2 * SECOND)).isEqualTo(share(coarse, 2 * SECOND), CLOSELY);
        }

        @ParameterizedTest
        @ValueSource(longs = {0, -SECOND, -10 * SECOND, Long.MAX_VALUE - 10 * SECOND, Long.MAX_VALUE - 11 * SECOND})
        void decaysWhileTheLoopWaits(long start) {
            LoopMeter meter = new LoopMeter(start);
            for (int i = 1; i <= 10; i++) {
                meter.publish(start + i * SECOND);
            }
            long since = start + 10 * SECOND;
            double busy = share(meter, since);
            meter.waits(since);
            assertThat(share(meter, since)).isEqualTo(busy, CLOSELY);
            assertThat(share(meter, since + SECOND)).isEqualTo(busy * Math.exp(-1), within(1e-8));
            assertThat(share(meter, since + 30 * SECOND)).isLessThan(1e-9);
        }

        @Test
        void doesNotJumpWhenAWaitEnds() {
            LoopMeter meter = new LoopMeter(0);
            meter.publish(5 * SECOND);
            meter.waits(5 * SECOND);
            double before = share(meter, 7 * SECOND);
            meter.works(7 * SECOND);
            meter.publish(7 * SECOND);
            assertThat(share(meter, 7 * SECOND)).isEqualTo(before, CLOSELY);
        }

        @Test
        void isKeptWhileTheLoopWorks() {
            LoopMeter meter = new LoopMeter(0);
            meter.publish(SECOND);
            assertThat(share(meter, 60 * SECOND)).isEqualTo(share(meter, SECOND));
        }

        /** The reader looks at the clock before the loop does. */
        @Test
        void doesNotGrowForAReaderBehindTheLoop() {
            LoopMeter meter = new LoopMeter(0);
            meter.publish(SECOND);
            meter.waits(2 * SECOND);
            assertThat(share(meter, SECOND)).isEqualTo(1 - Math.exp(-1), CLOSELY);
        }
    }

    @Nested
    class Turns {
        private final LoopMeter meter = new LoopMeter(0);
        private long now;

        /** What follows a wait, of which every turn here ends in one. */
        private void turn(long nanos) {
            now += nanos;
            meter.publish(now);
            meter.waits(now);
        }

        private void sleep(long nanos) {
            now += nanos;
            meter.turnBegins(now);
            meter.works(now);
        }

        private Duration longest() {
            return meter.snapshot(0, 0, 0, now).longestTurn();
        }

        private Duration mean() {
            return meter.snapshot(0, 0, 0, now).meanTurn();
        }

        @Test
        void ofALoopThatHasNotTurnedTakeNoTime() {
            meter.waits(SECOND);
            assertThat(meter.snapshot(0, 0, 0, SECOND).longestTurn()).isZero();
            assertThat(mean()).isZero();
        }

        @Test
        void meanTurnIsThatOfTheTurnsOfTheLastSecondOrSo() {
            for (int i = 0; i < 10_000; i++) {
                turn(MILLI);
                sleep(MILLI);
            }
            assertThat(mean().toNanos()).isCloseTo(MILLI, within(MILLI / 100));
            for (int i = 0; i < 10_000; i++) {
                turn(3 * MILLI);
                sleep(MILLI);
            }
            assertThat(mean().toNanos()).isCloseTo(3 * MILLI, within(3 * MILLI / 100));
        }

        @Test
        void meanTurnIsKeptWhileTheLoopWaits() {
            for (int i = 0; i < 1000; i++) {
                turn(MILLI);
                sleep(MILLI);
            }
            Duration before = mean();
            turn(MILLI);
            now += 60 * SECOND;
            assertThat(mean().toNanos()).isCloseTo(before.toNanos(), within(MILLI / 100));
        }

        @Test
        void theLongestIsRememberedForTenToTwentySeconds() {
            meter.turnBegins(now);
            turn(700 * MILLI);
            sleep(MILLI);
            for (int i = 0; i < 900; i++) {
                turn(MILLI);
                sleep(9 * MILLI);
                assertThat(longest()).isEqualTo(Duration.ofMillis(700));
            }
            for (int i = 0; i < 2000; i++) {
                turn(MILLI);
                sleep(9 * MILLI);
            }
            assertThat(longest()).isEqualTo(Duration.ofMillis(1));
        }

        @Test
        void theLongestIsForgottenByALoopThatSleeps() {
            meter.turnBegins(now);
            turn(700 * MILLI);
            now += 9 * SECOND;
            assertThat(longest()).isEqualTo(Duration.ofMillis(700));
            now += 11 * SECOND;
            assertThat(longest()).isZero();
            sleep(MILLI);
            turn(MILLI);
            assertThat(longest()).isEqualTo(Duration.ofMillis(1));
        }

        @Test
        void turnsThatFollowWithoutAWaitAreTurnsOfTheirOwn() {
            meter.turnBegins(0);
            for (int i = 1; i <= 1000; i++) {
                meter.publish(i * MILLI);
                meter.turnBegins(i * MILLI);
            }
            now = 1000 * MILLI;
            assertThat(longest()).isEqualTo(Duration.ofMillis(1));
            assertThat(mean().toNanos()).isCloseTo(MILLI, within(MILLI / 100));
        }

        @Test
        void theTurnThatHangsIsTheLongest() {
            meter.turnBegins(now);
            turn(MILLI);
            sleep(MILLI);
            now += 5 * SECOND;
            assertThat(longest()).isEqualTo(Duration.ofSeconds(5));
        }
    }

    @Nested
    class Stats {
        @Test
        void areASnapshotThatNothingChanges() {
            Map<CloseReason, Long> closed = new EnumMap<>(Map.of(CloseReason.CLOSED, 1L));
            List<ServerStats.Loop> loops = new ArrayList<>(List.of(new ServerStats.Loop(0, 0, 0.5)));
            ServerStats stats = new ServerStats(1, 0, closed, 2, 3, loops);
            closed.clear();
            loops.clear();
            assertThat(stats.closed()).containsExactly(Map.entry(CloseReason.CLOSED, 1L));
            assertThat(stats.loops()).containsExactly(new ServerStats.Loop(0, 0, 0.5));
            assertThatThrownBy(() -> stats.closed().clear()).isInstanceOf(UnsupportedOperationException.class);
            assertThatThrownBy(() -> stats.loops().clear()).isInstanceOf(UnsupportedOperationException.class);
        }

        @Test
        void areNotChangedByWhatIsCountedLater() {
            LoopMeter meter = new LoopMeter(0);
            meter.turnedAway(CloseReason.ERROR);
            ServerStats before = sum(List.of(meter), 0);
            meter.turnedAway(CloseReason.ERROR);
            meter.read(1);
            assertThat(before.closed()).isEqualTo(Map.of(CloseReason.ERROR, 1L));
            assertThat(before.bytesRead()).isZero();
        }

        @Test
        void ofAServerThatNeverRanAreEmpty() {
            assertThat(RocketServer.create(ServerConfigurator::useDefaultEndpoint)
                            .stats())
                    .isEqualTo(ServerStats.EMPTY);
        }
    }
}
