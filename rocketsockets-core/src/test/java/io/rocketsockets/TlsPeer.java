package io.rocketsockets;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLEngineResult;
import javax.net.ssl.SSLEngineResult.Status;
import javax.net.ssl.SSLException;

/** A peer that speaks TLS record by record, so that a test decides what is on the wire; blocking, with deadlines. */
final class TlsPeer {
    private static final int LONGEST_RECORD = 5 + 16 * 1024 + 2048;

    private final Client wire;
    final SSLEngine engine;
    private final ByteBuffer plain = ByteBuffer.allocate(LONGEST_RECORD);

    TlsPeer(Client wire, SSLEngine engine) {
        this.wire = wire;
        this.engine = engine;
        engine.setUseClientMode(true);
    }

    /** The next record that is to be sent, sealed. */
    byte[] seal(byte[] data) throws IOException {
        ByteBuffer record = ByteBuffer.allocate(LONGEST_RECORD);
        SSLEngineResult result = engine.wrap(ByteBuffer.wrap(data), record);
        if (result.getStatus() != Status.OK && result.getStatus() != Status.CLOSED) {
            throw new IOException("cannot seal: " + result);
        }
        byte[] bytes = new byte[record.flip().remaining()];
        record.get(bytes);
        return bytes;
    }

    /** The first flight: a hello, as an engine would send it. */
    byte[] hello() throws IOException {
        engine.beginHandshake();
        return seal(new byte[0]);
    }

    TlsPeer handshake() throws IOException {
        wire.send(hello());
        return finishHandshake();
    }

    /** The rest of it, after the hello. */
    TlsPeer finishHandshake() throws IOException {
        for (byte[] flight = flight(); flight.length > 0; flight = flight()) {
            wire.send(flight);
        }
        return this;
    }

    /** What is to be sent next in the handshake, once what comes before has come; empty when it is done. */
    byte[] flight() throws IOException {
        ByteArrayOutputStream flight = new ByteArrayOutputStream();
        while (true) {
            switch (engine.getHandshakeStatus()) {
                case NEED_WRAP -> flight.writeBytes(seal(new byte[0]));
                case NEED_TASK -> {
                    for (Runnable task = engine.getDelegatedTask(); task != null; task = engine.getDelegatedTask()) {
                        task.run();
                    }
                }
                case NEED_UNWRAP -> {
                    if (flight.size() > 0) {
                        return flight.toByteArray();
                    }
                    open(record());
                }
                default -> {
                    return flight.toByteArray();
                }
            }
        }
    }

    TlsPeer send(String text) throws IOException {
        wire.send(seal(text.getBytes(US_ASCII)));
        return this;
    }

    /** Says that nothing more will come. */
    TlsPeer closeNotify() throws IOException {
        wire.send(end());
        return this;
    }

    /** What says so. */
    byte[] end() throws IOException {
        engine.closeOutbound();
        return seal(new byte[0]);
    }

    /** The next record off the wire, as it is; empty at FIN. */
    byte[] record() throws IOException {
        byte[] header = wire.socket.getInputStream().readNBytes(5);
        if (header.length == 0) {
            return header;
        }
        int length = (header[3] & 0xff) << 8 | header[4] & 0xff;
        ByteArrayOutputStream record = new ByteArrayOutputStream();
        record.writeBytes(header);
        record.writeBytes(wire.receiveBytes(length));
        return record.toByteArray();
    }

    private SSLEngineResult open(byte[] record) throws IOException {
        if (record.length == 0) {
            throw new EOFException("FIN without close_notify");
        }
        return engine.unwrap(ByteBuffer.wrap(record), plain);
    }

    /** Goes on until the server ends the connection: what its alert says, or "" when it ends without one. */
    String refusal() throws IOException {
        try {
            finishHandshake();
            for (byte[] record = record(); record.length > 0; record = record()) {
                plain.clear();
                open(record);
                finishHandshake();
            }
            return "";
        } catch (EOFException end) {
            return "";
        } catch (SSLException alert) {
            return String.valueOf(alert.getMessage());
        }
    }

    /** Asks for new keys: KeyUpdate in TLS 1.3, a new handshake in TLS 1.2. */
    byte[] renewal() throws IOException {
        engine.beginHandshake();
        return seal(new byte[0]);
    }

    String receive(int count) throws IOException {
        while (plain.position() < count) {
            open(record());
            finishHandshake(); // for a ticket, or a key update
        }
        byte[] bytes = new byte[count];
        plain.flip().get(bytes);
        plain.compact();
        return new String(bytes, US_ASCII);
    }

    /** Reads to the FIN of the server: whether it said before that it would end. */
    boolean endsCleanly() throws IOException {
        for (byte[] record = record(); record.length > 0; record = record()) {
            plain.clear();
            open(record);
        }
        return engine.isInboundDone();
    }
}
