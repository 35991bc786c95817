package io.rocketsockets;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.security.interfaces.ECPublicKey;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECParameterSpec;
import java.security.spec.ECPoint;
import java.security.spec.ECPublicKeySpec;
import java.util.Arrays;
import java.util.HexFormat;
import javax.crypto.Cipher;
import javax.crypto.KeyAgreement;
import javax.crypto.Mac;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/**
 * A peer that writes TLS 1.2 (RFC 5246, 5288, 8422) by hand, with one cipher suite, to send what no engine does. It reads the
 * server's handshake and nothing after that, and believes it everything.
 */
final class Tls12Writer {
    static final int CHANGE_CIPHER_SPEC = 20;
    static final int ALERT = 21;
    static final int HANDSHAKE = 22;
    static final int DATA = 23;

    private static final String CURVE = "secp256r1";

    /** Its extensions: that curve, points in the plain, ecdsa_secp256r1_sha256. */
    private static final byte[] EXTENSIONS =
            HexFormat.of().parseHex("000a000400020017" + "000b00020100" + "000d000400020403");

    /** TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, and that it never renegotiates. */
    private static final byte[] SUITES = HexFormat.of().parseHex("c02b00ff");

    private final Client wire;
    private final MessageDigest transcript = MessageDigest.getInstance("SHA-256");
    private final byte[] key;
    private final byte[] salt;
    private byte[] unread = {};
    private long sent;

    Tls12Writer(Client wire) throws Exception {
        this.wire = wire;
        byte[] clientRandom = EngineContract.random(System.nanoTime(), 32);
        wire.send(plain(HANDSHAKE, message(1, hello(clientRandom))));
        byte[] serverRandom = {};
        byte[] serverPoint = {};
        for (byte[] message = read(); message[0] != 14; message = read()) { // ServerHelloDone
            if (message[0] == 2) {
                serverRandom = Arrays.copyOfRange(message, 6, 38);
            } else if (message[0] == 12) { // a named curve and its number, then the point
                serverPoint = Arrays.copyOfRange(message, 8, 8 + message[7]);
            }
        }
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
        generator.initialize(new ECGenParameterSpec(CURVE));
        KeyPair keys = generator.generateKeyPair();
        KeyAgreement agreement = KeyAgreement.getInstance("ECDH");
        agreement.init(keys.getPrivate());
        agreement.doPhase(key(serverPoint), true);
        byte[] master = expand(agreement.generateSecret(), "master secret", join(clientRandom, serverRandom), 48);
        byte[] block = expand(master, "key expansion", join(serverRandom, clientRandom), 40);
        key = Arrays.copyOf(block, 16);
        salt = Arrays.copyOfRange(block, 32, 36);
        byte[] point = point((ECPublicKey) keys.getPublic());
        wire.send(plain(HANDSHAKE, message(16, join(new byte[] {(byte) point.length}, point))));
        wire.send(plain(CHANGE_CIPHER_SPEC, new byte[] {1}));
        byte[] digest = ((MessageDigest) transcript.clone()).digest();
        wire.send(seal(HANDSHAKE, message(20, expand(master, "client finished", digest, 12))));
        record(); // ChangeCipherSpec
        record(); // Finished, sealed
    }

    // ---- Records ----

    /** A record of that type, sealed. */
    byte[] seal(int type, byte[] content) throws GeneralSecurityException {
        ByteBuffer associated = ByteBuffer.allocate(13).putLong(sent).put((byte) type);
        associated.putShort((short) 0x0303).putShort((short) content.length);
        byte[] nonce = ByteBuffer.allocate(8).putLong(sent++).array();
        Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
        cipher.init(Cipher.ENCRYPT_MODE, new SecretKeySpec(key, "AES"), new GCMParameterSpec(128, join(salt, nonce)));
        cipher.updateAAD(associated.array());
        return plain(type, join(nonce, cipher.doFinal(content)));
    }

    private static byte[] plain(int type, byte[] content) {
        byte[] header = {(byte) type, 3, 3, (byte) (content.length >> 8), (byte) content.length};
        return join(header, content);
    }

    private byte[] record() throws IOException {
        byte[] header = wire.receiveBytes(5);
        return wire.receiveBytes((header[3] & 0xff) << 8 | header[4] & 0xff);
    }

    // ---- The handshake ----

    /** The next message, which may share its record with others. */
    private byte[] read() throws IOException {
        if (unread.length == 0) {
            unread = record();
        }
        int length = 4 + ((unread[1] & 0xff) << 16 | (unread[2] & 0xff) << 8 | unread[3] & 0xff);
        while (unread.length < length) {
            unread = join(unread, record());
        }
        byte[] message = Arrays.copyOf(unread, length);
        unread = Arrays.copyOfRange(unread, length, unread.length);
        transcript.update(message);
        return message;
    }

    private byte[] message(int type, byte[] content) {
        byte[] header = {(byte) type, 0, (byte) (content.length >> 8), (byte) content.length};
        byte[] message = join(header, content);
        transcript.update(message);
        return message;
    }

    private static byte[] hello(byte[] random) {
        ByteBuffer hello = ByteBuffer.allocate(2 + 32 + 1 + 2 + SUITES.length + 2 + 2 + EXTENSIONS.length);
        hello.putShort((short) 0x0303).put(random).put((byte) 0);
        hello.putShort((short) SUITES.length).put(SUITES).put((byte) 1).put((byte) 0);
        return hello.putShort((short) EXTENSIONS.length).put(EXTENSIONS).array();
    }

    // ---- Keys ----

    private static PublicKey key(byte[] point) throws GeneralSecurityException {
        AlgorithmParameters curve = AlgorithmParameters.getInstance("EC");
        curve.init(new ECGenParameterSpec(CURVE));
        BigInteger x = new BigInteger(1, Arrays.copyOfRange(point, 1, 33));
        BigInteger y = new BigInteger(1, Arrays.copyOfRange(point, 33, 65));
        return KeyFactory.getInstance("EC")
                .generatePublic(new ECPublicKeySpec(new ECPoint(x, y), curve.getParameterSpec(ECParameterSpec.class)));
    }

    private static byte[] point(ECPublicKey key) {
        byte[] encoded = key.getEncoded(); // it ends with the point
        return Arrays.copyOfRange(encoded, encoded.length - 65, encoded.length);
    }

    /** P_SHA256 of RFC 5246, 5. */
    private static byte[] expand(byte[] secret, String label, byte[] seed, int length) throws GeneralSecurityException {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(secret, "HmacSHA256"));
        byte[] labelled = join(label.getBytes(US_ASCII), seed);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (byte[] a = mac.doFinal(labelled); out.size() < length; a = mac.doFinal(a)) {
            out.writeBytes(mac.doFinal(join(a, labelled)));
        }
        return Arrays.copyOf(out.toByteArray(), length);
    }

    private static byte[] join(byte[] first, byte[] second) {
        return SecureContract.concat(first, second);
    }
}
