package redis

import (
	"crypto/subtle"
	"strconv"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/proxy"
)

// This file holds what is done about commands that change what later ones mean, or what is answered.

// careful decides on a command that needs care.
func (r *relay) careful(c *command, from, to int) error {
	if r.tx.open {
		return r.carefulQueued(c, from, to)
	}
	a := &r.requests.args
	if (c.care == careAuth || c.care == careHello) && to-from > maxLogin {
		return r.refuseInWords(c, from, to, c.name+" is longer here than any login; shorten it")
	}
	switch c.care {
	case careAuth:
		return r.auth(c, from, to)
	case careHello:
		return r.hello(c, from, to)
	case careSelect:
		await := awaited{kind: awaitSelect}
		if a.count() == 2 {
			await.number, _ = strconv.Atoi(string(a.get(1)))
		}
		return r.recordAndSettle(c, from, to, await)
	case careMulti:
		return r.multi(c, from, to)
	case careExec:
		return r.exec(c, from, to)
	case careDiscard:
		return r.discardQueued(c, from, to)
	case careSubscribe:
		return r.record(c, from, to, awaited{kind: awaitSubscribe, change: changeOf(c.name), replies: max(1, a.count()-1)})
	case careUnsubscribe:
		await := awaited{kind: awaitSubscribe, change: changeOf(c.name), replies: a.count() - 1}
		if await.replies == 0 {
			await.replies = untold
		}
		return r.record(c, from, to, await)
	case careReset:
		return r.reset(c, from, to)
	case careQuit:
		return r.quit(c, from, to)
	case careMonitor:
		return r.record(c, from, to, awaited{kind: awaitMonitor})
	}
	return r.unserved(c, from, to)
}

// carefulQueued is careful within a transaction.
func (r *relay) carefulQueued(c *command, from, to int) error {
	switch c.care {
	case careMulti:
		return r.multi(c, from, to)
	case careExec:
		return r.exec(c, from, to)
	case careDiscard:
		return r.discardQueued(c, from, to)
	case careReset:
		return r.reset(c, from, to)
	case careQuit:
		return r.quit(c, from, to)
	case careSelect:
		return r.selectQueued(c, from, to)
	case careReplicate, careCrossProtocol, careReply:
		return r.unserved(c, from, to)
	}
	return r.refuseInWords(c, from, to, c.name+" cannot be part of a transaction here; send it before MULTI or after EXEC")
}

// unserved refuses what is not available through the gateway.
func (r *relay) unserved(c *command, from, to int) error {
	switch {
	case c.care == careCrossProtocol:
		return malformed("this is no HTTP")
	case c.care == careReplicate:
		return r.refuseInWords(c, from, to, "replication is not available through the gateway; connect replicas to the store itself")
	case r.requests.is(2, "ON"):
		return r.record(c, from, to, awaited{})
	}
	return r.refuseInWords(c, from, to, "the gateway records what became of each command, so CLIENT REPLY OFF and SKIP are not available")
}

// recordAndSettle records a command, and waits for its answer before the next one is looked at.
func (r *relay) recordAndSettle(c *command, from, to int, await awaited) error {
	if err := r.record(c, from, to, await); err != nil {
		return err
	}
	return r.settle()
}

// refuseInWords records a command that the store never sees, and lets the client read why.
func (r *relay) refuseInWords(c *command, from, to int, sentence string) error {
	return r.refuseAlone(c, from, to, &proxy.Refusal{Sentence: sentence})
}

// refuseAlone records a command as denied that the store never sees, and lets the client read why.
func (r *relay) refuseAlone(c *command, from, to int, why error) error {
	if err := r.closeBatch(); err != nil {
		return err
	}
	r.add(c, from, to)
	defer r.batch.reset()
	s := r.statement()
	if err := r.gate.Refuse(r.ctx, &s, why); err != nil {
		return r.refuse(err)
	}
	return r.refuse(why)
}

// answer records a command that the store never sees, and answers it.
func (r *relay) answer(c *command, from, to int, reply []byte) error {
	return r.record(c, from, to, awaited{kind: awaitRefused, instead: reply})
}

// auth answers who shows once more who they are. Nobody becomes another within a session.
func (r *relay) auth(c *command, from, to int) error {
	a := &r.requests.args
	if a.count() != 2 && a.count() != 3 {
		return r.record(c, from, to, awaited{}) // an error, to the store
	}
	user := ""
	if a.count() == 3 {
		user = string(a.get(1))
	}
	if err := r.sameClient(user, string(a.get(a.count()-1))); err != nil {
		return r.refuseAlone(c, from, to, err)
	}
	return r.answer(c, from, to, []byte("+OK\r\n"))
}

// sameClient says whether a name, empty where none was given, and a password are those that the session was opened with. In
// the tunnel, a password means nothing.
func (r *relay) sameClient(user, password string) error {
	known := r.link.client
	if known.conn.Identity() != nil {
		if user != "" && user != "default" && user != known.user {
			return errOtherUser
		}
		return nil
	}
	user, token, err := splitToken(user, password)
	if err != nil {
		return err
	}
	var login proxy.Login
	login.User, login.Resource, login.Account = proxy.NativeUser(user)
	switch {
	case login.User != known.login.User || login.Resource != known.login.Resource || login.Account != known.login.Account:
		return errOtherUser
	case subtle.ConstantTimeCompare([]byte(token), []byte(known.login.Token.Token)) != 1:
		return &access.Denial{Cause: access.BadCredentials, Sentence: "unknown user or wrong access token"}
	}
	return nil
}

var errOtherUser = &proxy.Refusal{Sentence: "a session stays its user's; connect again to be another"}

// hello lets a client change the version of the protocol and its name. The store does not see who it says it is.
func (r *relay) hello(c *command, from, to int) error {
	a := &r.requests.args
	kept := args{b: a.b}
	await := awaited{kind: awaitHello}
	for i := 0; i < a.count(); i++ {
		if i > 1 && a.is(i, "AUTH") && i+2 < a.count() {
			if err := r.sameClient(string(a.get(i+1)), string(a.get(i+2))); err != nil {
				return r.refuseAlone(c, from, to, err)
			}
			i += 2
			continue
		}
		kept.at = append(kept.at, a.at[i])
		if i > 1 && a.is(i, "SETNAME") && i+1 < a.count() {
			i++
			kept.at = append(kept.at, a.at[i])
		}
	}
	if kept.count() > 1 {
		await.number, _ = strconv.Atoi(string(kept.get(1)))
	}
	if err := r.closeBatch(); err != nil {
		return err
	}
	r.add(c, from, to)
	r.encoded = appendRequest(r.encoded[:0], &kept)
	r.batch.await, r.batch.raw = await, r.encoded
	return r.closeBatch()
}

// reset lets the store forget all that the client has set, and opens it again with the credential.
func (r *relay) reset(c *command, from, to int) error {
	if err := r.closeBatch(); err != nil {
		return err
	}
	r.tx.open = false
	if err := r.record(c, from, to, awaited{kind: awaitReset}); err != nil {
		return err
	}
	if reauth := r.link.store.reauth; reauth != nil {
		r.mu.Lock()
		r.queue.push(&awaited{kind: awaitSilent, count: 1, replies: 1})
		r.mu.Unlock()
		r.toStore.insert(reauth)
	}
	return r.settle()
}

// quit lets the client go: the store answers, and closes.
func (r *relay) quit(c *command, from, to int) error {
	if err := r.closeBatch(); err != nil {
		return err
	}
	r.tx.open = false
	if err := r.record(c, from, to, awaited{}); err != nil {
		return err
	}
	r.mu.Lock()
	r.leaving = true
	r.mu.Unlock()
	return nil
}
