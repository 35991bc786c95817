package io.rocketsockets;

import static java.util.stream.Collectors.joining;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleDescriptor.Exports;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.Field;
import java.lang.reflect.Member;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * The public API as text, kept in git so that every change of it is a diff that somebody reads.
 *
 * <p>Listed is what a class outside of the exported packages can reach: public types and their public and protected
 * members, without what a record, an enum or the compiler adds by itself.
 */
class PublicApiTest {
    private static final Path BASEDIR = Path.of(System.getProperty("basedir", ""));
    private static final Path CLASSES = BASEDIR.resolve("target/classes");
    private static final Path EXPECTED = BASEDIR.resolve("src/test/resources/public-api.txt");
    private static final String REMEDY = """
            the public API differs from %s; if that is what you want, write it anew and commit it:
            mvn -pl rocketsockets-core test -Dtest=PublicApiTest -DupdatePublicApi""".formatted(EXPECTED.getFileName());

    @Test
    void publicApiIsTheOneInGit() throws Exception {
        String actual = publicApi();
        if (System.getProperty("updatePublicApi") != null) {
            Files.writeString(EXPECTED, actual);
        }
        String expected = Files.exists(EXPECTED) ? Files.readString(EXPECTED) : "";
        assertThat(actual).as(REMEDY).isEqualTo(expected);
    }

    @Test
    void publicApiMentionsExportedTypesOnly() throws Exception {
        List<Class<?>> exported = exportedTypes();
        for (Class<?> type : exported) {
            Stream<Class<?>> fields = reachable(type.getDeclaredFields()).map(Field::getType);
            Stream<Class<?>> signatures = Stream.of(type.getDeclaredConstructors(), type.getDeclaredMethods())
                    .flatMap(PublicApiTest::reachable)
                    .map(Executable.class::cast)
                    .flatMap(PublicApiTest::mentioned);
            assertThat(Stream.concat(fields, signatures).map(PublicApiTest::element))
                    .as("types that %s mentions", type.getName())
                    .filteredOn(mentioned -> mentioned.getName().startsWith("io.rocketsockets."))
                    .isSubsetOf(exported);
        }
    }

    private static Stream<Class<?>> mentioned(Executable executable) {
        Stream<Class<?>> result = executable instanceof Method method ? Stream.of(method.getReturnType()) : Stream.of();
        return Stream.of(result, Stream.of(executable.getParameterTypes()), Stream.of(executable.getExceptionTypes()))
                .flatMap(types -> types);
    }

    private static Class<?> element(Class<?> type) {
        return type.isArray() ? element(type.getComponentType()) : type;
    }

    private static String publicApi() throws Exception {
        List<String> lines = new ArrayList<>();
        for (Class<?> type : exportedTypes()) {
            lines.add(declaration(type));
            members(type).sorted().map("    "::concat).forEach(lines::add);
            lines.add("");
        }
        return String.join("\n", lines);
    }

    private static List<Class<?>> exportedTypes() throws Exception {
        List<String> packages;
        try (InputStream descriptor = Files.newInputStream(CLASSES.resolve("module-info.class"))) {
            packages = ModuleDescriptor.read(descriptor).exports().stream()
                    .filter(exports -> !exports.isQualified())
                    .map(Exports::source)
                    .sorted()
                    .toList();
        }
        List<Class<?>> types = new ArrayList<>();
        for (String name : packages) {
            for (String simpleName : classFiles(CLASSES.resolve(name.replace('.', '/')))) {
                Class<?> type = Class.forName(name + '.' + simpleName, false, PublicApiTest.class.getClassLoader());
                if (isReachable(type)) {
                    types.add(type);
                }
            }
        }
        return types;
    }

    private static List<String> classFiles(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(file -> file.getFileName().toString())
                    .filter(name -> name.endsWith(".class") && !name.equals("package-info.class"))
                    .map(name -> name.substring(0, name.length() - ".class".length()))
                    .sorted()
                    .toList();
        }
    }

    private static boolean isReachable(Class<?> type) {
        return !type.isSynthetic()
                && !type.isAnonymousClass()
                && !type.isLocalClass()
                && isReachable(type.getModifiers())
                && (type.getDeclaringClass() == null || isReachable(type.getDeclaringClass()));
    }

    private static boolean isReachable(int modifiers) {
        return Modifier.isPublic(modifiers) || Modifier.isProtected(modifiers);
    }

    private static String declaration(Class<?> type) {
        StringBuilder line = new StringBuilder();
        if (type.isSealed()) {
            line.append("sealed ");
        }
        int modifiers = type.getModifiers();
        if (type.isAnnotation()) {
            line.append("@interface ");
        } else if (type.isInterface()) {
            line.append("interface ");
        } else if (type.isEnum()) {
            line.append("enum ");
        } else {
            line.append(Modifier.isAbstract(modifiers) ? "abstract " : "");
            line.append(Modifier.isFinal(modifiers) ? "final " : "");
            line.append(type.isRecord() ? "record " : "class ");
        }
        line.append(type.getName()).append(typeParameters(type.getTypeParameters()));
        if (type.isRecord()) {
            line.append(Arrays.stream(type.getRecordComponents())
                    .map(component -> name(component.getGenericType()) + ' ' + component.getName())
                    .collect(joining(", ", "(", ")")));
        } else if (!type.isInterface() && !type.isEnum() && type.getSuperclass() != Object.class) {
            line.append(" extends ").append(name(type.getGenericSuperclass()));
        }
        if (type.getInterfaces().length > 0 && !type.isAnnotation()) {
            line.append(type.isInterface() ? " extends " : " implements ").append(names(type.getGenericInterfaces()));
        }
        return line.toString();
    }

    private static Stream<String> members(Class<?> type) {
        Stream<String> fields = reachable(type.getDeclaredFields()).map(PublicApiTest::field);
        Stream<String> constructors = reachable(type.getDeclaredConstructors())
                .filter(constructor -> !isCanonical(constructor))
                .map(constructor -> type.getSimpleName() + signature(constructor));
        Stream<String> methods = reachable(type.getDeclaredMethods())
                .filter(method -> !isImplied(method))
                .map(PublicApiTest::method);
        return Stream.of(fields, constructors, methods).flatMap(lines -> lines);
    }

    private static <M extends Member> Stream<M> reachable(M[] members) {
        return Arrays.stream(members).filter(member -> isReachable(member.getModifiers()) && !member.isSynthetic());
    }

    private static boolean isCanonical(Constructor<?> constructor) {
        Class<?> type = constructor.getDeclaringClass();
        return type.isRecord()
                && Arrays.equals(
                        constructor.getGenericParameterTypes(),
                        Arrays.stream(type.getRecordComponents())
                                .map(RecordComponent::getGenericType)
                                .toArray());
    }

    private static boolean isImplied(Method method) {
        Class<?> type = method.getDeclaringClass();
        String name = method.getName();
        if (type.isEnum()) {
            return Modifier.isStatic(method.getModifiers()) && (name.equals("values") || name.equals("valueOf"));
        }
        return type.isRecord()
                && (List.of("toString", "equals", "hashCode").contains(name)
                        || Arrays.stream(type.getRecordComponents())
                                .map(RecordComponent::getAccessor)
                                .anyMatch(method::equals));
    }

    private static String field(Field field) {
        return field.isEnumConstant()
                ? field.getName()
                : modifiers(field) + name(field.getGenericType()) + ' ' + field.getName();
    }

    private static String method(Method method) {
        return modifiers(method)
                + (method.isDefault() ? "default " : "")
                + (method.getTypeParameters().length > 0 ? typeParameters(method.getTypeParameters()) + ' ' : "")
                + name(method.getGenericReturnType())
                + ' '
                + method.getName()
                + signature(method);
    }

    /** What a caller or a subclass notices; {@code public} is the rule and stays unsaid. */
    private static String modifiers(Member member) {
        int modifiers = member.getModifiers();
        boolean inInterface = member.getDeclaringClass().isInterface();
        return (Modifier.isProtected(modifiers) ? "protected " : "")
                + (Modifier.isStatic(modifiers) ? "static " : "")
                + (Modifier.isAbstract(modifiers) && !inInterface ? "abstract " : "")
                + (Modifier.isFinal(modifiers) ? "final " : "");
    }

    private static String signature(Executable executable) {
        String thrown = names(executable.getGenericExceptionTypes());
        return '(' + names(executable.getGenericParameterTypes()) + ')' + (thrown.isEmpty() ? "" : " throws " + thrown);
    }

    private static String typeParameters(TypeVariable<?>[] parameters) {
        return parameters.length == 0
                ? ""
                : Arrays.stream(parameters)
                        .map(parameter -> parameter.getName() + bounds(parameter))
                        .collect(joining(", ", "<", ">"));
    }

    private static String bounds(TypeVariable<?> parameter) {
        Type[] bounds = parameter.getBounds();
        return bounds.length == 1 && bounds[0] == Object.class ? "" : " extends " + names(bounds);
    }

    private static String names(Type[] types) {
        return Arrays.stream(types).map(PublicApiTest::name).collect(joining(", "));
    }

    /** Types of our own package and of {@code java.lang} without their package. */
    private static String name(Type type) {
        return type.getTypeName().replaceAll("\\b(io\\.rocketsockets|java\\.lang)\\.(?=[A-Z])", "");
    }
}
