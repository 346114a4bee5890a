// Package program knows the client programs that people use: which speak a protocol, how they are told where to
// connect, and the files that they keep their connections in.
package program
