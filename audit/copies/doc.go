// Package copies keeps the journals of other gateways: for each a copy with its proof, as they send it. A copy's past
// never changes. What would change it is refused and told (Divergence), and only a gateway that was enrolled anew may
// begin another journal, beside the former one.
//
// A gateway's copies stand below one directory:
//
//	NAME/journal, NAME/copy.json    its first journal, and what is known of it
//	NAME.2/...                      the next, after the gateway was set up anew
package copies
