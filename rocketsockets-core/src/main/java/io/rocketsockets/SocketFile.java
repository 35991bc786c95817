package io.rocketsockets;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.nio.file.LinkOption.NOFOLLOW_LINKS;

import java.io.IOException;
import java.io.Serial;
import java.net.ConnectException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermission;
import java.util.Arrays;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The file by which peers find the Unix socket of an endpoint. The kernel makes it with the socket and never removes it, so
 * one that a killed process left behind is told from one in use by connecting to it.
 *
 * <p><b>Guaranteed:</b> a file that somebody listens on, or that is no socket, is not touched; what is removed at the end is
 * what was made at the beginning. <b>Not:</b> of two processes that start at the same instant over one path, both may find
 * nobody there, and the later one gets it.
 */
final class SocketFile {
    /** {@code sun_path} of {@code unix(7)} has room for 108; the JDK leaves out two. */
    private static final int MOST_PATH_BYTES = 106;

    // S_IFMT and S_IFSOCK of inode(7)
    private static final int FILE_TYPE = 0170000;
    private static final int SOCKET = 0140000;

    private final Path path;

    /** What we have made; null when it was gone before we could look. */
    private @Nullable Identity ours;

    private SocketFile(Path path) {
        this.path = path;
    }

    /** The number of a removed file is soon given to another, whose time is another. */
    private record Identity(@Nullable Object key, FileTime modified) {}

    /** The path cannot be had; the message is {@code rule; remedy}. */
    static final class Unusable extends IOException {
        @Serial
        private static final long serialVersionUID = 1;

        Unusable(String message, @Nullable Throwable cause) {
            super(message, cause);
        }
    }

    /** The permissions of {@code octal}, which has been checked. */
    static Set<PosixFilePermission> permissions(String octal) {
        int bits = Integer.parseInt(octal, 8);
        return Arrays.stream(PosixFilePermission.values())
                .filter(each -> (bits >> (8 - each.ordinal()) & 1) != 0)
                .collect(Collectors.toUnmodifiableSet());
    }

    /**
     * Makes the path free to be bound, of a file that nobody listens on.
     *
     * @throws Unusable when it cannot be; the file that is there is as it was
     */
    static SocketFile clear(Path path) throws IOException {
        int length = path.toString().getBytes(UTF_8).length;
        if (length > MOST_PATH_BYTES) {
            throw new Unusable(
                    "path of " + length + " bytes > " + MOST_PATH_BYTES
                            + "; choose a shorter one, or one relative to the working directory",
                    null);
        }
        Path folder = Objects.requireNonNull(path.toAbsolutePath().getParent(), "the path of a file has a folder");
        if (!Files.isDirectory(folder)) {
            throw new Unusable("there is no folder " + folder + "; create it", null);
        }
        if (!Files.getFileStore(folder).supportsFileAttributeView("posix")) {
            throw new Unusable(
                    "the file system of " + folder + " keeps no permissions; choose another, or listen on TCP", null);
        }
        SocketFile file = new SocketFile(path);
        file.removeUnlessUsed();
        return file;
    }

    private void removeUnlessUsed() throws IOException {
        try {
            int type = (int) Files.getAttribute(path, "unix:mode", NOFOLLOW_LINKS) & FILE_TYPE;
            if (type != SOCKET) {
                throw new Unusable("a file is there that is not a socket; move it away, or choose another path", null);
            }
            if (isListenedOn()) {
                throw new Unusable("already in use; stop the other process, or choose another path", null);
            }
            Files.delete(path);
        } catch (NoSuchFileException free) {
            return;
        } catch (Unusable reason) {
            throw reason;
        } catch (IOException unclear) {
            throw new Unusable(
                    "a socket is there that cannot be replaced: " + unclear.getMessage()
                            + "; remove it if nobody listens, or choose another path",
                    unclear);
        }
    }

    /** Without waiting for room in the backlog: that of a busy server is full. */
    private boolean isListenedOn() throws IOException {
        try (SocketChannel peer = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            peer.configureBlocking(false);
            peer.connect(UnixDomainSocketAddress.of(path));
            return true;
        } catch (ConnectException refused) {
            return false;
        }
    }

    /** A socket has been bound to the path. */
    void created() {
        ours = identity();
    }

    /** Removes what was created, while the socket still listens: nobody else takes the file for one left behind. Idempotent. */
    void delete() throws IOException {
        if (ours != null && ours.equals(identity())) {
            Files.delete(path);
        }
        ours = null;
    }

    private @Nullable Identity identity() {
        try {
            BasicFileAttributes attributes = Files.readAttributes(path, BasicFileAttributes.class, NOFOLLOW_LINKS);
            return new Identity(attributes.fileKey(), attributes.lastModifiedTime());
        } catch (IOException gone) {
            return null;
        }
    }
}
