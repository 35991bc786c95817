package io.rocketsockets;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** The test has no meaning over TLS, or over one version of it, and says why not. */
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
@interface NotOverTls {
    String NEEDS_THE_LOOP = "the loop is held up, and a client connects only when it has answered its handshake";
    String OWN_PROCESS = "its process listens in plaintext";
    String HALF_CLOSE = "in TLS 1.2 the end of one side ends both";

    String value();

    String[] versions() default {SecureContract.TLS12, SecureContract.TLS13};
}
