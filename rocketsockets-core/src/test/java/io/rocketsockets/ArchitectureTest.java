package io.rocketsockets;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.nameMatching;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.GeneralCodingRules.NO_CLASSES_SHOULD_ACCESS_STANDARD_STREAMS;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.library.dependencies.SliceAssignment;
import com.tngtech.archunit.library.dependencies.SliceIdentifier;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The shape of the house, as DESIGN.md draws it: each rule here is a sentence there. */
class ArchitectureTest {
    private static final String API = "io.rocketsockets";
    private static final String ENGINE = "io.rocketsockets.engine";
    private static final String NIO = "io.rocketsockets.nio";
    private static final String PROXY = "io.rocketsockets.proxy";
    private static final String TLS = "io.rocketsockets.tls";

    /** So that no rule passes on an empty folder; raise it as the library grows. */
    private static final int FEWEST_CLASSES = 30;

    private static final JavaClasses CORE = new ClassFileImporter()
            .importPath(Path.of(System.getProperty("basedir", "")).resolve("target/classes"));

    @Test
    void thereAreClassesToJudge() {
        assertThat(CORE).hasSizeGreaterThanOrEqualTo(FEWEST_CLASSES);
    }

    @Test
    void testsRunOnTheModulePath() {
        assertThat(ArchitectureTest.class.getModule().getName()).isEqualTo("io.rocketsockets");
    }

    @Test
    void thereAreFivePackages() {
        assertThat(CORE).extracting(JavaClass::getPackageName).containsOnly(API, ENGINE, NIO, PROXY, TLS);
    }

    @Test
    void packagesHaveNoCycle() {
        slices().assignedFrom(byPackage()).should().beFreeOfCycles().check(CORE);
    }

    @Test
    void seamDependsOnNothingOfOurs() {
        noClasses()
                .that(resideInAPackage(ENGINE))
                .should()
                .dependOnClassesThat(resideInAPackage("io.rocketsockets..").and(not(resideInAPackage(ENGINE))))
                .check(CORE);
    }

    @Test
    void nioEngineDependsOnTheSeamOnly() {
        noClasses()
                .that(resideInAPackage(NIO))
                .should()
                .dependOnClassesThat(resideInAPackage("io.rocketsockets..")
                        .and(not(resideInAPackage(ENGINE)))
                        .and(not(resideInAPackage(NIO))))
                .check(CORE);
    }

    @Test
    void filtersDependOnTheSeamOnly() {
        for (String filter : List.of(PROXY, TLS)) {
            noClasses()
                    .that(resideInAPackage(filter))
                    .should()
                    .dependOnClassesThat(resideInAPackage("io.rocketsockets..")
                            .and(not(resideInAPackage(ENGINE)))
                            .and(not(resideInAPackage(filter))))
                    .check(CORE);
        }
    }

    @Test
    void onlyEnginesKnowsTheNioEngine() {
        noClasses()
                .that(resideInAPackage(API))
                .and(not(nameMatching("io\\.rocketsockets\\.Engines(\\$.*)?")))
                .should()
                .dependOnClassesThat(resideInAPackage(NIO))
                .check(CORE);
    }

    /** The file of a Unix socket is asked by connecting, once before an endpoint is bound, whatever the engine. */
    @Test
    void channelsAreUsedInTheNioEngineOnly() {
        noClasses()
                .that(not(resideInAPackage(NIO)))
                .and(not(nameMatching("io\\.rocketsockets\\.SocketFile")))
                .should()
                .dependOnClassesThat(resideInAPackage("java.nio.channels.."))
                .check(CORE);
    }

    @Test
    void coreKnowsNoGuice() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("com.google..", "jakarta.inject..")
                .check(CORE);
    }

    @Test
    void coreUsesNoUnsafeAndNoForeignMemory() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("sun.misc..", "jdk.internal..", "java.lang.foreign..")
                .check(CORE);
    }

    @Test
    void nothingIsPrinted() {
        NO_CLASSES_SHOULD_ACCESS_STANDARD_STREAMS.check(CORE);
    }

    @Test
    void nothingEndsTheJvm() {
        noClasses()
                .should()
                .callMethod(System.class, "exit", int.class)
                .orShould()
                .callMethod(Runtime.class, "exit", int.class)
                .orShould()
                .callMethod(Runtime.class, "halt", int.class)
                .check(CORE);
    }

    private static SliceAssignment byPackage() {
        return new SliceAssignment() {
            @Override
            public SliceIdentifier getIdentifierOf(JavaClass javaClass) {
                return SliceIdentifier.of(javaClass.getPackageName());
            }

            @Override
            public String getDescription() {
                return "packages";
            }
        };
    }
}
