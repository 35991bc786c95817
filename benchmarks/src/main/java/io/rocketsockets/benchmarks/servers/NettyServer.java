package io.rocketsockets.benchmarks.servers;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandler.Sharable;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.IoHandlerFactory;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.ServerChannel;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.channel.uring.IoUringBufferRingConfig;
import io.netty.channel.uring.IoUringChannelOption;
import io.netty.channel.uring.IoUringFixedBufferRingAllocator;
import io.netty.channel.uring.IoUringIoHandler;
import io.netty.channel.uring.IoUringIoHandlerConfig;
import io.netty.channel.uring.IoUringServerSocketChannel;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslProvider;
import io.netty.util.ReferenceCountUtil;
import java.net.InetSocketAddress;

/** Netty 4.2 over one of its transports: writes are collected while a read lasts and flushed when it is complete. */
public final class NettyServer {
    private static final short RING = 0;

    private NettyServer() {}

    public static void main(String[] args) throws Exception {
        Transport transport = Transport.named(args[1]);
        Reply reply = Reply.valueOf(args[0]);
        Handler handler = new Handler(reply);
        SslContext tls = reply == Reply.SECURE_ECHO ? tls() : null;
        var bootstrap = new ServerBootstrap()
                .group(new MultiThreadIoEventLoopGroup(reply.loops(), transport.loop))
                .channel(transport.listener)
                .option(ChannelOption.SO_BACKLOG, 4096)
                .childOption(ChannelOption.TCP_NODELAY, true)
                .childHandler(new ChannelInitializer<SocketChannel>() {
                    @Override
                    protected void initChannel(SocketChannel socket) {
                        if (tls != null) {
                            SslHandler secure = tls.newHandler(socket.alloc());
                            secure.setHandshakeTimeoutMillis(0); // side by side each waits for the others
                            socket.pipeline().addLast(secure);
                        }
                        socket.pipeline().addLast(handler);
                    }
                });
        if (transport.isRinged) {
            bootstrap.childOption(IoUringChannelOption.IO_URING_BUFFER_GROUP_ID, RING);
        }
        var listener = bootstrap.bind(0).syncUninterruptibly().channel();
        SideChannel.serve(((InetSocketAddress) listener.localAddress()).getPort());
    }

    /** With the JDK's provider, as rocketsockets has it. */
    private static SslContext tls() throws Exception {
        return SslContextBuilder.forServer(TlsKey.keyManagers(TlsKey.path()))
                .sslProvider(SslProvider.JDK)
                .build();
    }

    private record Transport(IoHandlerFactory loop, Class<? extends ServerChannel> listener, boolean isRinged) {
        static Transport named(String name) {
            return switch (name) {
                case "nio" -> new Transport(NioIoHandler.newFactory(), NioServerSocketChannel.class, false);
                case "epoll" -> new Transport(EpollIoHandler.newFactory(), EpollServerSocketChannel.class, false);
                case "io_uring" ->
                    new Transport(IoUringIoHandler.newFactory(), IoUringServerSocketChannel.class, false);
                case "io_uring-ring" ->
                    new Transport(IoUringIoHandler.newFactory(ringed()), IoUringServerSocketChannel.class, true);
                default -> throw new IllegalArgumentException("no such transport of Netty: " + name);
            };
        }

        /** Reads into a ring of buffers that the kernel chooses from: better for messages, worse for bulk. */
        private static IoUringIoHandlerConfig ringed() {
            return new IoUringIoHandlerConfig()
                    .setBufferRingConfig(IoUringBufferRingConfig.builder()
                            .bufferGroupId(RING)
                            .bufferRingSize((short) 128)
                            .batchSize(64)
                            .allocator(new IoUringFixedBufferRingAllocator(32 * 1024))
                            .build());
        }
    }

    @Sharable
    private static final class Handler extends ChannelInboundHandlerAdapter {
        private final Reply reply;
        private final ByteBuf piece = Unpooled.unreleasableBuffer(Unpooled.wrappedBuffer(Reply.PIECE));

        Handler(Reply reply) {
            this.reply = reply;
        }

        @Override
        public void channelRead(ChannelHandlerContext context, Object bytes) {
            if (reply != Reply.SMALL_WRITES) {
                reply.compute(((ByteBuf) bytes).readableBytes());
                context.write(bytes, context.voidPromise());
                return;
            }
            ReferenceCountUtil.release(bytes);
            for (int i = 0; i < Reply.PIECES; i++) {
                context.write(piece.duplicate(), context.voidPromise());
            }
        }

        @Override
        public void channelReadComplete(ChannelHandlerContext context) {
            context.flush();
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
            context.close();
        }
    }
}
