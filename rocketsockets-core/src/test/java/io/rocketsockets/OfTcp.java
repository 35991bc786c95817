package io.rocketsockets;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** The test has no meaning on a Unix socket, and says why not. */
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
@interface OfTcp {
    /** A Unix socket ends in one way. */
    String RESETS = "a Unix socket knows no RST";

    String value();
}
