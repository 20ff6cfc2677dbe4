// What may be open at a time at the doors that stay open (domain rules, section 15); the API reference names it too.

/** Sockets of one address, at each door. */
export const socketsPerAddress = 500
/** Requests to shapes of one person, and of one socket before anybody knows whose they are. */
export const openShapeRequests = 200
/** Bytes of a request to a shape, also of a frame that carries one. */
export const shapeBodyBytes = 8 * 1024 * 1024

/** The refusal of one more socket, in the API reference. */
export const tooManySockets = `More than ${socketsPerAddress} open sockets of one address, without body.`
