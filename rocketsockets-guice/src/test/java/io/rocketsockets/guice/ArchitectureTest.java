package io.rocketsockets.guice;

import static com.tngtech.archunit.base.DescribedPredicate.anyElementThat;
import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.name;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.nameMatching;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noCodeUnits;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noFields;
import static com.tngtech.archunit.library.GeneralCodingRules.ACCESS_STANDARD_STREAMS;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.properties.HasName;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** Guice is wiring only: what the wiring must not do. */
class ArchitectureTest {
    /** So that no rule passes on an empty folder; raise it as the library grows. */
    private static final int FEWEST_CLASSES = 20;

    /** It is the process: it answers the command line and sets the exit status. */
    private static final DescribedPredicate<HasName> DAEMON_HOST =
            nameMatching("io\\.rocketsockets\\.daemon\\.DaemonHost(\\$.*)?");

    private static final JavaClasses WIRING = new ClassFileImporter()
            .importPath(Path.of(System.getProperty("basedir", "")).resolve("target/classes"));

    @Test
    void thereAreClassesToJudge() {
        assertThat(WIRING).hasSizeGreaterThanOrEqualTo(FEWEST_CLASSES);
    }

    @Test
    void testsRunOnTheModulePath() {
        assertThat(ArchitectureTest.class.getModule().getName()).isEqualTo("io.rocketsockets.guice");
    }

    @Test
    void packagesHaveNoCycle() {
        slices().matching("io.rocketsockets.(*)..").should().beFreeOfCycles().check(WIRING);
    }

    @Test
    void onlyTheDaemonHostEndsTheJvm() {
        noClasses()
                .that(not(DAEMON_HOST))
                .should()
                .callMethod(System.class, "exit", int.class)
                .orShould()
                .callMethod(Runtime.class, "exit", int.class)
                .orShould()
                .callMethod(Runtime.class, "halt", int.class)
                .check(WIRING);
    }

    @Test
    void onlyTheDaemonHostPrints() {
        noClasses().that(not(DAEMON_HOST)).should(ACCESS_STANDARD_STREAMS).check(WIRING);
    }

    @Test
    void noSystemPropertyIsSet() {
        noClasses()
                .should()
                .callMethod(System.class, "setProperty", String.class, String.class)
                .check(WIRING);
    }

    @Test
    void noFieldIsInjected() {
        noFields()
                .should()
                .beAnnotatedWith("jakarta.inject.Inject")
                .orShould()
                .beAnnotatedWith("com.google.inject.Inject")
                .check(WIRING);
    }

    @Test
    void noInjectorIsInjected() {
        noCodeUnits()
                .that()
                .areAnnotatedWith("jakarta.inject.Inject")
                .or()
                .areAnnotatedWith("com.google.inject.Inject")
                .or()
                .areAnnotatedWith("com.google.inject.Provides")
                .should()
                .haveRawParameterTypes(anyElementThat(name("com.google.inject.Injector")))
                // Nothing to judge while providers are objects of our own.
                .allowEmptyShould(true)
                .check(WIRING);
    }

    @Test
    void wiringUsesNoUnsafeAndNoForeignMemory() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("sun.misc..", "jdk.internal..", "java.lang.foreign..")
                .check(WIRING);
    }
}
