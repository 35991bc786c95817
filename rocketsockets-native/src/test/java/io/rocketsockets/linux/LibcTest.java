package io.rocketsockets.linux;

import static org.assertj.core.api.Assertions.assertThat;

import io.rocketsockets.engine.TransportException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnixDomainSocketAddress;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The door: results, errors and addresses come through as the kernel says them. */
@EnabledOnOs(OS.LINUX)
class LibcTest {
    private static Libc libc;

    @BeforeAll
    static void open() {
        libc = new Libc();
    }

    @Test
    void aFailedCallTellsItsErrno() {
        assertThat(libc.close(-1)).isEqualTo(-9); // EBADF
        assertThat(libc.errno()).isEqualTo(9);
        assertThat(Errno.exception("cannot close: fd=-1", -9))
                .hasMessage("cannot close: fd=-1: Bad file descriptor (errno=9)");
    }

    @Test
    void aCallThatSucceedsTellsItsResult() {
        int fd = libc.eventfd(3, 0);
        assertThat(fd).isPositive();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment counter = arena.allocate(8);
            assertThat(libc.read(fd, counter, 8)).isEqualTo(8);
            assertThat(counter.get(ValueLayout.JAVA_LONG, 0)).isEqualTo(3);
        }
        assertThat(libc.close(fd)).isZero();
    }

    @Test
    void memoryIsMappedAndUnmapped() {
        int readWrite = 3;
        int privateAnonymous = 0x22;
        MemorySegment mapped = libc.mmap(8192, readWrite, privateAnonymous, -1, 0);
        mapped.fill((byte) 7);
        assertThat(libc.munmap(mapped)).isZero();
        assertThat(libc.mmap(0, readWrite, privateAnonymous, -1, 0)).isEqualTo(MemorySegment.NULL);
        assertThat(libc.errno()).isEqualTo(Errno.EINVAL);
    }

    @Test
    void aSystemCallWithoutAMethodOfItsOwn() {
        long getpid = System.getProperty("os.arch").equals("amd64") ? 39 : 172;
        assertThat(libc.syscall(getpid, 0, 0, 0, 0, 0, 0))
                .isEqualTo(ProcessHandle.current().pid());
    }

    @ParameterizedTest
    @CsvSource({"127.0.0.1, 80", "192.0.2.255, 65535", "2001:db8::1, 8998", "::, 0"})
    void anAddressComesBackAsItWent(String host, int port) throws Exception {
        InetSocketAddress address = new InetSocketAddress(InetAddress.getByName(host), port);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(SocketAddresses.BYTES);
            int length = SocketAddresses.write(address, memory);
            assertThat(SocketAddresses.read(SocketAddresses.bytes(memory, length)))
                    .isEqualTo(address);
        }
    }

    @Test
    void anIpv4PeerOfAnIpv6SocketHasItsIpv4Address() throws Exception {
        byte[] mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, -1, (byte) 192, 0, 2, 7};
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(SocketAddresses.BYTES);
            SocketAddresses.write(new InetSocketAddress(InetAddress.getByName("2001:db8::1"), 8998), memory);
            MemorySegment.copy(mapped, 0, memory, ValueLayout.JAVA_BYTE, 8, mapped.length);
            byte[] bytes = SocketAddresses.bytes(memory, 28);
            assertThat(bytes).hasSize(8);
            InetSocketAddress peer = new InetSocketAddress("192.0.2.7", 8998);
            assertThat(SocketAddresses.read(bytes)).isEqualTo(peer);
        }
    }

    @Test
    void theAddressOfAUnixSocketIsItsPath() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(SocketAddresses.BYTES);
            UnixDomainSocketAddress address = UnixDomainSocketAddress.of("run/app.sock");
            int length = SocketAddresses.write(address, memory);
            assertThat(length).isEqualTo(2 + "run/app.sock".length() + 1);
            assertThat(SocketAddresses.read(SocketAddresses.bytes(memory, length)))
                    .isEqualTo(address);
            assertThat(SocketAddresses.read(SocketAddresses.bytes(memory, length - 1)))
                    .as("not ended by NUL")
                    .isEqualTo(address);
            UnixDomainSocketAddress nameless = UnixDomainSocketAddress.of("");
            assertThat(SocketAddresses.read(SocketAddresses.bytes(memory, 2))).isEqualTo(nameless);
            memory.set(ValueLayout.JAVA_BYTE, 2, (byte) 0);
            assertThat(SocketAddresses.read(SocketAddresses.bytes(memory, length)))
                    .as("abstract")
                    .isEqualTo(nameless);
        }
    }

    @Test
    void usersAndGroupsHaveNamesOrNumbers() {
        assertThat(Libc.userName(0)).isEqualTo("root");
        assertThat(Libc.groupName(0)).isEqualTo("root");
        assertThat(Libc.userName(-2)).isEqualTo("4294967294");
        assertThat(Libc.groupName(-2)).isEqualTo("4294967294");
    }

    @Test
    void errorsOfAConnectionHaveTheirKind() {
        assertThat(Errno.transportException("x", -Errno.ECONNRESET).kind()).isEqualTo(TransportException.Kind.RESET);
        assertThat(Errno.transportException("x", -Errno.ETIMEDOUT).kind())
                .isEqualTo(TransportException.Kind.UNREACHABLE);
        assertThat(Errno.transportException("x", -Errno.EINVAL).kind()).isEqualTo(TransportException.Kind.OTHER);
        assertThat(Errno.exception("x", -Errno.EADDRINUSE)).isInstanceOf(BindException.class);
    }
}
