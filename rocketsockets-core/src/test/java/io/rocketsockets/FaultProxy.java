package io.rocketsockets;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketAddress;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;

/** Stands between clients and a server, and makes what passes late, wrong, or wait. Its seed is printed. */
final class FaultProxy implements AutoCloseable {
    /** What becomes of a piece of a stream before it is passed on. */
    interface Fault {
        void on(byte[] piece, int count, Random random) throws Exception;
    }

    private final ServerSocket listening = new ServerSocket(0, 200, InetAddress.getLoopbackAddress());
    private final List<Link> links = new CopyOnWriteArrayList<>();
    private final SocketAddress server;
    private final Random seeds;
    private final Fault fault;

    FaultProxy(SocketAddress server, long seed, Fault fault) throws IOException {
        System.out.println("fault proxy: seed=" + seed);
        this.server = server;
        this.seeds = new Random(seed);
        this.fault = fault;
        EngineContract.async(() -> {
            while (true) {
                links.add(new Link(listening.accept()));
            }
        });
    }

    SocketAddress address() {
        return new InetSocketAddress(listening.getInetAddress(), listening.getLocalPort());
    }

    /** One for each connection, in their order. */
    List<Link> links() {
        return links;
    }

    @Override
    public void close() throws IOException {
        listening.close();
        for (Link link : links) {
            link.cut();
        }
    }

    /** One connection of a client, and its counterpart of the server. */
    final class Link {
        private final Socket client;
        private final Socket counterpart = new Socket();
        private volatile CompletableFuture<Void> open = CompletableFuture.completedFuture(null);

        Link(Socket client) throws IOException {
            this.client = client;
            counterpart.connect(server);
            pump(client, counterpart, new Random(seeds.nextLong()));
            pump(counterpart, client, new Random(seeds.nextLong()));
        }

        /** What the server has as the address of its peer. */
        SocketAddress address() {
            return counterpart.getLocalSocketAddress();
        }

        /** Nothing passes, either way. */
        void clog() {
            if (open.isDone()) {
                open = new CompletableFuture<>();
            }
        }

        boolean isClogged() {
            return !open.isDone();
        }

        void free() {
            open.complete(null);
        }

        private void cut() throws IOException {
            free();
            client.close();
            counterpart.close();
        }

        /** An end is passed on as an end, a failure as a reset. */
        private void pump(Socket from, Socket to, Random random) {
            EngineContract.async(() -> {
                try {
                    InputStream in = from.getInputStream();
                    OutputStream out = to.getOutputStream();
                    byte[] piece = new byte[4096];
                    for (int count = in.read(piece); count >= 0; count = in.read(piece)) {
                        fault.on(piece, count, random);
                        open.join();
                        out.write(piece, 0, count);
                    }
                    open.join();
                    to.shutdownOutput();
                } catch (IOException failure) {
                    to.setSoLinger(true, 0);
                    to.close();
                }
                return null;
            });
        }
    }
}
