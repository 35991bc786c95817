package io.rocketsockets.guice;

import jakarta.inject.Qualifier;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;

/** A qualifier as an application has them. */
@Qualifier
@Retention(RetentionPolicy.RUNTIME)
@interface Admin {}
