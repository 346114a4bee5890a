package ssh

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/proxy"
)

// What a server may ask of an agent (OpenSSH's PROTOCOL.agent), and what the agent answers to what it does not do.
const (
	agentFailure = 5
	agentList    = 11
	agentSign    = 13
	agentExtend  = 27
)

// maxAgentMessage bounds a message of an agent's, in bytes, as OpenSSH does.
const maxAgentMessage = 256 << 10

// maxExtension bounds an extension's name in the record, in bytes.
const maxExtension = 128

// agentDeed names what a server may ask besides signatures.
func agentDeed(kind byte) string {
	switch kind {
	case 17, 25:
		return "add a key"
	case 18:
		return "remove a key"
	case 19:
		return "remove all keys"
	case 20, 26:
		return "add a smart card"
	case 21:
		return "remove a smart card"
	case 22:
		return "lock"
	case 23:
		return "unlock"
	}
	return fmt.Sprintf("message %d", kind)
}

// agent passes what the server asks of the person's agent, a question and its answer at a time. Each signature, and whatever would change
// the agent, is a statement.
func (r *relay) agent(ctx context.Context, n ssh.NewChannel) {
	agent, agentRequests, err := r.client.server.OpenChannel(channelAgent, nil)
	if err != nil {
		pass(n, err)
		return
	}
	r.serve(func() { ssh.DiscardRequests(agentRequests) })
	asker, askerRequests, err := n.Accept()
	if err != nil {
		_ = agent.Close()
		return
	}
	r.serve(func() { ssh.DiscardRequests(askerRequests) })
	defer agent.Close()
	defer asker.Close()
	for {
		question, err := readMessage(asker)
		if err != nil {
			return
		}
		answer, err := r.askAgent(ctx, agent, question)
		if err != nil {
			return
		}
		if _, err := write(asker, answer); err != nil {
			return
		}
	}
}

// askAgent gives the agent's answer, or that it does not do what may not be.
func (r *relay) askAgent(ctx context.Context, agent io.ReadWriter, question []byte) ([]byte, error) {
	if r.agents.Load() == 0 { // the sessions that lent it have ended, though this channel has not
		return []byte{0, 0, 0, 1, agentFailure}, nil
	}
	var op *proxy.Op
	if text := agentText(question[4:]); text != "" {
		var err error
		op, err = r.begin(ctx, &proxy.Statement{Command: access.ClassAgent, Class: access.ClassAgent, Text: []byte(text), Understood: true})
		if err != nil {
			return []byte{0, 0, 0, 1, agentFailure}, nil //nolint:nilerr // this is how agents say no
		}
	}
	if err := r.hold(); err != nil {
		return nil, err
	}
	_, err := write(agent, question)
	var answer []byte
	if err == nil {
		answer, err = readMessage(agent)
	}
	if op != nil {
		result := &proxy.Result{BytesIn: int64(len(question)), BytesOut: int64(len(answer))}
		if err != nil || answer[4] == agentFailure {
			result.ErrorMessage = "the agent has not done it"
		}
		r.end(op, result)
	}
	return answer, err
}

// agentText is how the record tells of a question; empty: it need not.
func agentText(message []byte) string {
	switch kind := message[0]; kind {
	case agentList:
		return ""
	case agentExtend:
		return extensionText(message[1:])
	case agentSign:
		var sign struct {
			Key  []byte
			Rest []byte `ssh:"rest"`
		}
		if ssh.Unmarshal(message[1:], &sign) == nil {
			if key, err := ssh.ParsePublicKey(sign.Key); err == nil {
				return "sign with " + describe(key)
			}
		}
		return "sign"
	default:
		return agentDeed(kind)
	}
}

// extensionText is how the record tells of an extension, which may do anything; empty: of those that only tell something.
func extensionText(message []byte) string {
	var asked struct {
		Name string
		Rest []byte `ssh:"rest"`
	}
	if ssh.Unmarshal(message, &asked) != nil {
		return "extension"
	}
	switch asked.Name {
	case "query", "session-bind@openssh.com":
		return ""
	}
	return "extension " + asked.Name[:min(len(asked.Name), maxExtension)]
}

// readMessage reads one message with the length before it.
func readMessage(r io.Reader) ([]byte, error) {
	message := make([]byte, 4)
	if _, err := io.ReadFull(r, message); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(message)
	if n == 0 || n > maxAgentMessage {
		return nil, errors.New("no message of an agent")
	}
	message = append(message, make([]byte, n)...)
	_, err := io.ReadFull(r, message[4:])
	return message, err
}

// window passes one connection of a program's windows to the person's screen.
func (r *relay) window(ctx context.Context, n ssh.NewChannel) {
	statement := &proxy.Statement{Command: access.ClassX11, Class: access.ClassX11, Text: []byte(access.ClassX11), Understood: true}
	reviews := r.gate.Reviews()
	op, err := r.begin(ctx, statement)
	if err != nil {
		_ = n.Reject(ssh.Prohibited, "refused by sallyport")
		return
	}
	if r.hold() != nil {
		_ = n.Reject(ssh.ConnectionFailed, "refused by sallyport")
		r.end(op, failed(errGone))
		return
	}
	r.join(op, r.standing(ctx, statement, reviews), n, r.client.server, func() error { return nil })
}
