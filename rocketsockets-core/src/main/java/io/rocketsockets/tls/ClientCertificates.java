package io.rocketsockets.tls;

/** Whether peers show a certificate of their own. */
public enum ClientCertificates {
    /** They are not asked. */
    NONE,
    /** They are asked; without one they are let in, with one that is not trusted they are not. */
    WANT,
    /** They are asked, and not let in without. */
    NEED
}
