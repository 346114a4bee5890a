// Package files tells what happens to files over SSH: it reads SFTP and the classic SCP protocol between a client and its
// server, in both directions, and turns them into operations on files that are judged and recorded one by one. It has no
// connection and no goroutine of its own, and knows neither policy nor journal: bytes go in, and what may pass comes out.
//
// The rules of both decoders:
//
//   - Nothing that names a file reaches the server before its operation was let pass (Gate.Begin, or Check for look-ups). What is denied
//     is answered in the server's place, in words, and the conversation goes on.
//   - What is not understood does not pass: requests and extensions that are not known, fields too few or too many, handles that were not
//     given out or not for this. It is on the record as refused. What leaves open where the next request begins ends the channel.
//   - What passes is what came, byte for byte, but for four things in SFTP: the version is 3, with the extensions that are served; a path
//     with ".." in it goes on clean and absolute; a READ asks for no more than one packet holds; and before the client hears the server's
//     version, the server is asked what "." is, since relative paths begin there.
//   - Paths are names, absolute and clean, as Unix has them. What a name leads to by links is the server's: a rule on names does not hold
//     what is reached by a link that was there before. To make a link, what it leads to is judged as well.
//   - A relative path is understood where its beginning is known: in SFTP as soon as the server has told, in SCP never. Where scp -t has a
//     path that may be a directory or a file, both names are judged.
//   - A file's operation lasts from its OPEN to the answer to its CLOSE, and READ and WRITE belong to it: whether they still may is asked by
//     Gate.Still. A file that is opened for both is judged for both. The digest is told only of content that went through whole: from the
//     first byte to the last, each once, with not more than 64 pieces out of order, and no error.
//   - Memory is bounded: by two packets of SFTP in each direction, 4 MB of pieces that wait for their turn, 8192 requests and 4096 open
//     files; in SCP by 1 MB that a client sends before it is asked.
//
// In SCP, an answer of the server that nobody has asked for ends the channel, since nobody could tell any more to what the next one belongs.
// Servers older than OpenSSH 8.3 may send two for one file that fails twice; that cannot be told from the answer to a next file that was
// offered meanwhile.
package files
