/** The counts of a server as Micrometer's meters. */
// Micrometer has no module descriptor: nothing to be done here until it has.
@SuppressWarnings({"requires-automatic", "requires-transitive-automatic"})
module io.rocketsockets.micrometer {
    requires transitive io.rocketsockets;
    requires transitive micrometer.core;
    requires static org.jspecify;

    exports io.rocketsockets.micrometer;
}
