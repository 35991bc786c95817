package io.rocketsockets.guice;

import com.google.inject.AbstractModule;

/** Every switch by which Guice can be made strict. */
final class Strict extends AbstractModule {
    @Override
    protected void configure() {
        binder().requireExplicitBindings();
        binder().requireExactBindingAnnotations();
        binder().requireAtInjectOnConstructors();
        binder().disableCircularProxies();
    }
}
