package omnibus

// Version is the library's version, as brokers see it in the client's software version (KIP-511).
const Version = "0.1.0"
