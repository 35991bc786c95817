package io.rocketsockets;

import java.nio.ByteBuffer;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.util.Random;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLContextSpi;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLEngineResult;
import javax.net.ssl.SSLEngineResult.HandshakeStatus;
import javax.net.ssl.SSLEngineResult.Status;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLServerSocketFactory;
import javax.net.ssl.SSLSession;
import javax.net.ssl.SSLSessionContext;
import javax.net.ssl.SSLSocketFactory;
import javax.net.ssl.TrustManager;
import org.jspecify.annotations.Nullable;

/**
 * A context whose engines answer as they like, within what the signatures of {@link SSLEngine} allow: every status in any
 * order, tasks that throw or are none, records out of nothing and none where one is due.
 */
final class RandomTls extends SSLContext {
    RandomTls(long seed) throws NoSuchAlgorithmException {
        super(new Contexts(new Random(seed)), SSLContext.getDefault().getProvider(), "TLS");
    }

    private static final class Contexts extends SSLContextSpi {
        private final Random seeds;
        private final SSLContext real = SSLContext.getDefault();

        Contexts(Random seeds) throws NoSuchAlgorithmException {
            this.seeds = seeds;
        }

        @Override
        protected synchronized SSLEngine engineCreateSSLEngine() {
            return new Engine(real.createSSLEngine(), new Random(seeds.nextLong()));
        }

        @Override
        protected SSLEngine engineCreateSSLEngine(String host, int port) {
            return engineCreateSSLEngine();
        }

        @Override
        protected SSLParameters engineGetDefaultSSLParameters() {
            return real.getDefaultSSLParameters();
        }

        @Override
        protected SSLParameters engineGetSupportedSSLParameters() {
            return real.getSupportedSSLParameters();
        }

        @Override
        protected void engineInit(KeyManager[] keys, TrustManager[] trust, SecureRandom random) {}

        @Override
        protected SSLSocketFactory engineGetSocketFactory() {
            return real.getSocketFactory();
        }

        @Override
        protected SSLServerSocketFactory engineGetServerSocketFactory() {
            return real.getServerSocketFactory();
        }

        @Override
        protected SSLSessionContext engineGetServerSessionContext() {
            return real.getServerSessionContext();
        }

        @Override
        protected SSLSessionContext engineGetClientSessionContext() {
            return real.getClientSessionContext();
        }
    }

    private static final class Engine extends SSLEngine {
        private final SSLEngine real;
        private final Random random;
        private HandshakeStatus status = HandshakeStatus.NEED_UNWRAP;

        Engine(SSLEngine real, Random random) {
            this.real = real;
            this.random = random;
        }

        private synchronized SSLEngineResult any(
                ByteBuffer[] sources, int offset, int count, ByteBuffer[] targets, int first, int length)
                throws SSLException {
            int dice = random.nextInt(100);
            if (dice == 0) {
                throw new SSLException("by the test");
            } else if (dice == 1) {
                throw new IllegalStateException("by the test");
            }
            status = HandshakeStatus.values()[random.nextInt(HandshakeStatus.values().length)];
            Status result = dice < 85 ? Status.OK : Status.values()[random.nextInt(4)];
            int consumed = random.nextBoolean() ? 0 : move(sources, offset, count, false);
            int produced = random.nextBoolean() ? 0 : move(targets, first, length, true);
            return new SSLEngineResult(result, status, consumed, produced);
        }

        private int move(ByteBuffer[] buffers, int offset, int count, boolean filling) {
            int moved = 0;
            for (int i = offset; i < offset + count; i++) {
                ByteBuffer buffer = buffers[i];
                int n = random.nextInt(Math.min(100, buffer.remaining()) + 1);
                for (int k = 0; k < n; k++) {
                    if (filling) {
                        buffer.put((byte) 'r');
                    } else {
                        buffer.get();
                    }
                }
                moved += n;
            }
            return moved;
        }

        @Override
        public SSLEngineResult wrap(ByteBuffer[] sources, int offset, int count, ByteBuffer target)
                throws SSLException {
            return any(sources, offset, count, new ByteBuffer[] {target}, 0, 1);
        }

        @Override
        public SSLEngineResult unwrap(ByteBuffer source, ByteBuffer[] targets, int offset, int count)
                throws SSLException {
            return any(new ByteBuffer[] {source}, 0, 1, targets, offset, count);
        }

        @Override
        public synchronized @Nullable Runnable getDelegatedTask() {
            return switch (random.nextInt(4)) {
                case 0 -> () -> {};
                case 1 ->
                    () -> {
                        status = HandshakeStatus.NEED_UNWRAP;
                    };
                case 2 ->
                    () -> {
                        throw new IllegalStateException("by the test");
                    };
                default -> null;
            };
        }

        @Override
        public synchronized boolean isInboundDone() {
            return random.nextInt(10) == 0;
        }

        @Override
        public synchronized boolean isOutboundDone() {
            return random.nextInt(10) == 0;
        }

        @Override
        public synchronized HandshakeStatus getHandshakeStatus() {
            return status;
        }

        @Override
        public void closeInbound() {}

        @Override
        public void closeOutbound() {}

        @Override
        public void beginHandshake() {}

        @Override
        public SSLSession getSession() {
            return real.getSession();
        }

        @Override
        public @Nullable String getApplicationProtocol() {
            return null;
        }

        @Override
        public String[] getSupportedCipherSuites() {
            return real.getSupportedCipherSuites();
        }

        @Override
        public String[] getEnabledCipherSuites() {
            return real.getEnabledCipherSuites();
        }

        @Override
        public void setEnabledCipherSuites(String[] suites) {}

        @Override
        public String[] getSupportedProtocols() {
            return real.getSupportedProtocols();
        }

        @Override
        public String[] getEnabledProtocols() {
            return real.getEnabledProtocols();
        }

        @Override
        public void setEnabledProtocols(String[] protocols) {}

        @Override
        public void setUseClientMode(boolean mode) {}

        @Override
        public boolean getUseClientMode() {
            return false;
        }

        @Override
        public void setNeedClientAuth(boolean need) {}

        @Override
        public boolean getNeedClientAuth() {
            return false;
        }

        @Override
        public void setWantClientAuth(boolean want) {}

        @Override
        public boolean getWantClientAuth() {
            return false;
        }

        @Override
        public void setEnableSessionCreation(boolean flag) {}

        @Override
        public boolean getEnableSessionCreation() {
            return true;
        }
    }
}
