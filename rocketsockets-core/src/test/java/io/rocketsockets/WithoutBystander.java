package io.rocketsockets;

import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;

/** On a test, or on all tests of a contract, which the connections of a {@link Bystander} would falsify. */
@Inherited
@Retention(RetentionPolicy.RUNTIME)
@interface WithoutBystander {
    String IT_COUNTS = "it counts connections, bytes or descriptors, of which the bystander's would be some";
    String IT_STALLS = "it stalls a loop on purpose, and the bystander with it";
    String IT_RESTS = "its loops are to have nothing to do";

    /** Why. */
    String value();
}
