package io.rocketsockets;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;

/** Every row of {@code behaviours.txt} has the tests that it claims, and every test that names a row has that row. */
class BehaviourRowsTest {
    private static final Pattern ROW =
            Pattern.compile("([A-Q]\\d+a?) \\| [^|]+ \\| (tests|tests: \\w+|tests in \\S+: \\w+|open: .+)");
    private static final Pattern ELSEWHERE = Pattern.compile("tests in (\\S+): (\\w+)");
    private static final Pattern TEST_OF_A_ROW = Pattern.compile("([a-q]\\d+a?)_.*");

    private static Map<String, String> rows() throws IOException {
        Map<String, String> rows = new LinkedHashMap<>();
        try (BufferedReader lines = new BufferedReader(
                new InputStreamReader(BehaviourRowsTest.class.getResourceAsStream("/behaviours.txt"), UTF_8))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                if (!line.isBlank() && !line.startsWith("#")) {
                    Matcher row = ROW.matcher(line);
                    assertThat(row.matches()).as("a row: %s", line).isTrue();
                    assertThat(rows.put(row.group(1), row.group(2)))
                            .as("first %s", row.group(1))
                            .isNull();
                }
            }
        }
        return rows;
    }

    /** The names of all tests of this module. */
    private static List<String> tests() throws Exception {
        Path folder = Path.of(System.getProperty("basedir", "")).resolve("target/test-classes");
        new Logs().close(); // from then on this module reads Logback's, which a class of the tests extends
        List<String> names = new ArrayList<>();
        try (Stream<Path> files = Files.walk(folder.toAbsolutePath().resolve("io/rocketsockets"))) {
            for (Path file : files.toList()) {
                String name =
                        folder.toAbsolutePath().relativize(file).toString().replace('/', '.');
                if (name.endsWith(".class")) {
                    Class<?> type = Class.forName(
                            name.substring(0, name.length() - ".class".length()),
                            false,
                            BehaviourRowsTest.class.getClassLoader());
                    for (Method method : type.getDeclaredMethods()) {
                        if (method.isAnnotationPresent(Test.class)
                                || method.isAnnotationPresent(ParameterizedTest.class)) {
                            names.add(method.getName());
                        }
                    }
                }
            }
        }
        assertThat(names).hasSizeGreaterThan(200);
        return names;
    }

    @Test
    void everyRowHasTheTestsThatItClaims() throws Exception {
        List<String> tests = tests();
        rows().forEach((id, state) -> {
            String ofRow = id.toLowerCase(Locale.ROOT) + "_";
            boolean hasOwn = tests.stream().anyMatch(test -> test.startsWith(ofRow));
            if (state.startsWith("open")) {
                assertThat(hasOwn).as("%s is open, and has tests", id).isFalse();
            } else if (state.equals("tests")) {
                assertThat(hasOwn).as("%s has tests", id).isTrue();
            } else if (ELSEWHERE.matcher(state).matches()) {
                assertThat(isElsewhere(ELSEWHERE.matcher(state)))
                        .as("tests of %s", id)
                        .isTrue();
            } else {
                String prefix = state.substring("tests: ".length());
                assertThat(tests).as("tests of %s", id).anyMatch(test -> test.startsWith(prefix));
            }
        });
    }

    /** Whether the sources of the other module, whose classes may not be built yet, have a test whose name begins so. */
    private static boolean isElsewhere(Matcher named) {
        assertThat(named.matches()).isTrue();
        Path folder = Path.of(System.getProperty("basedir", "")).toAbsolutePath();
        Pattern test = Pattern.compile("@(Test|ParameterizedTest)\\b[^{]*?\\bvoid " + named.group(2));
        try (Stream<Path> files =
                Files.walk(folder.resolveSibling(named.group(1)).resolve("src/test/java"))) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                if (test.matcher(Files.readString(file)).find()) {
                    return true;
                }
            }
            return false;
        } catch (IOException unreadable) {
            throw new UncheckedIOException(unreadable);
        }
    }

    @Test
    void everyTestThatNamesARowHasThatRow() throws Exception {
        Map<String, String> rows = rows();
        assertThat(tests()).allSatisfy(test -> {
            Matcher named = TEST_OF_A_ROW.matcher(test);
            if (named.matches()) {
                assertThat(rows).as(test).containsKey(idOf(named.group(1)));
            }
        });
    }

    /** {@code b1a} is B1a, {@code a1} is A1. */
    private static String idOf(String prefix) {
        return prefix.substring(0, 1).toUpperCase(Locale.ROOT) + prefix.substring(1);
    }
}
