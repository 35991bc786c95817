package io.rocketsockets.benchmarks;

import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;

/** What a message travels in. The client decides version and cipher suite, so that they are the same for every server. */
enum Wire {
    PLAIN("", ""),
    TLS_1_2("TLSv1.2", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    TLS_1_3("TLSv1.3", "TLS_AES_128_GCM_SHA256"),

    /** Every handshake goes on with the session of the one before. */
    TLS_1_3_RESUMED("TLSv1.3", "TLS_AES_128_GCM_SHA256");

    private final String protocol;
    private final String suite;

    Wire(String protocol, String suite) {
        this.protocol = protocol;
        this.suite = suite;
    }

    /** The client's side of a connection; those of one place share their sessions where sessions are resumed. */
    SSLEngine client(SSLContext context, int place) {
        SSLEngine client =
                this == TLS_1_3_RESUMED ? context.createSSLEngine("place" + place, 1) : context.createSSLEngine();
        client.setUseClientMode(true);
        client.setEnabledProtocols(new String[] {protocol});
        client.setEnabledCipherSuites(new String[] {suite});
        return client;
    }
}
