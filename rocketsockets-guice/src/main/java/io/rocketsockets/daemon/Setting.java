package io.rocketsockets.daemon;

import java.util.function.BiConsumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * One option of a configurator as text.
 *
 * @param name that of the configurator's method
 * @param isLive whether a change is in force after a reload
 * @param setter gives a text to the configurator; throws {@link IllegalArgumentException} with the rule that it breaks
 * @param getter what is in force, as a text that the setter understands
 */
record Setting<C, R>(String name, boolean isLive, BiConsumer<C, String> setter, Function<R, String> getter) {
    static final String NONE = "none";

    static <C, R, T> Setting<C, R> of(
            String name, TextForm<T> form, BiConsumer<C, T> setter, Function<R, @Nullable T> getter) {
        return new Setting<>(
                name, false, (configurator, text) -> setter.accept(configurator, form.read(text)), configuration -> {
                    T value = getter.apply(configuration);
                    return value == null ? NONE : form.write(value);
                });
    }

    Setting<C, R> live() {
        return new Setting<>(name, true, setter, getter);
    }
}
