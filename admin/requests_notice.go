package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/store"
)

// announceRequest posts where the request now stands. Nobody waits for it, and nothing depends on it.
func (s *Service) announceRequest(ctx context.Context, r *access.Request) {
	if s.notices == nil || len(s.notices.boxes) == 0 {
		return
	}
	link := ""
	if r.Status == access.Pending && s.notices.url != "" {
		token := newSecret(32)
		kept, cancel := carriedThrough(ctx)
		defer cancel()
		err := s.store.PutOneTime(kept, store.OneTime{Hash: access.HashSecret(token), Purpose: store.ApprovalLink,
			Data: r.ID, Expires: r.Expires}, s.now())
		if err != nil {
			s.log.Error("no link for the notice of an access request", "request", r.ID, "error", err)
		} else {
			link = s.notices.url + "/requests/" + url.PathEscape(r.ID) + "#" + token
		}
	}
	body, err := json.Marshal(noticeOf(r, link))
	if err != nil {
		s.log.Error("no notice of an access request", "request", r.ID, "error", err)
		return
	}
	s.notices.post(body)
}

// notice is a message in the form that Slack's incoming webhooks take; text is what clients show that know no blocks.
type notice struct {
	Text   string  `json:"text"`
	Blocks []block `json:"blocks"`
	// Request is for programs; Slack passes it over.
	Request noticeFacts `json:"sallyport"`
}

type noticeFacts struct {
	Request string               `json:"request"`
	Status  access.RequestStatus `json:"status"`
	User    string               `json:"user"`
	Role    string               `json:"role"`
}

type block struct {
	Type     string        `json:"type"`
	Text     *noticeText   `json:"text,omitempty"`
	Fields   []noticeText  `json:"fields,omitempty"`
	Elements []noticeField `json:"elements,omitempty"`
}

type noticeText struct {
	Type string `json:"type"`
	Text string `json:"text"`
	// Emoji is false always: what people write is shown as it is.
	Emoji *bool `json:"emoji,omitempty"`
}

// noticeField is an element of a block: a button that opens a page, or a line of text.
type noticeField struct {
	Type  string `json:"type"`
	Text  any    `json:"text"`
	URL   string `json:"url,omitempty"`
	Style string `json:"style,omitempty"`
}

// plain is text in which nothing is a link, a mention or a mark, bounded to what Slack takes.
func plain(text string) noticeText {
	const limit = 1900
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "..."
	}
	no := false
	return noticeText{Type: "plain_text", Text: text, Emoji: &no}
}

// escaped is what people wrote, within a message's text: there, these three characters make links and mentions
// (https://docs.slack.dev/messaging/formatting-message-text).
var escaped = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// noticeOf writes the message. The link opens a page and does nothing by itself: programs that preview links open it too.
func noticeOf(r *access.Request, link string) notice {
	head := headline(r)
	n := notice{
		Text: escaped.Replace(head),
		Blocks: []block{
			{Type: "section", Text: ptr(plain(head))},
			{Type: "section", Fields: []noticeText{
				plain("Role\n" + r.Role), plain("Resource\n" + orAll(r.Resource)), plain("Account\n" + orAll(r.Account)), plain("For\n" + r.Duration.String()),
			}},
			{Type: "section", Text: ptr(plain("Reason: " + r.Reason))},
		},
		Request: noticeFacts{Request: r.ID, Status: r.Status, User: r.User, Role: r.Role},
	}
	for _, o := range r.Opinions {
		if o.Comment != "" {
			n.Blocks = append(n.Blocks, block{Type: "section", Text: ptr(plain(o.By + ": " + o.Comment))})
		}
	}
	if r.Status != access.Pending {
		return n
	}
	if link != "" {
		n.Blocks = append(n.Blocks, block{Type: "actions", Elements: []noticeField{
			{Type: "button", Text: plain("Review"), URL: link, Style: "primary"},
		}})
	}
	n.Blocks = append(n.Blocks, block{Type: "section", Text: ptr(plain(fmt.Sprintf(
		"Needs %s of %s. By hand: sally access approve %s", approvalsLeft(r), strings.Join(r.Approvers, ", "), r.ID)))})
	return n
}

func headline(r *access.Request) string {
	what := r.Resource
	if what == "" {
		what = "the role " + r.Role
	}
	switch r.Status {
	case access.Approved:
		return fmt.Sprintf("%s has %s until %s", r.User, what, r.Until.UTC().Format("2006-01-02 15:04 UTC"))
	case access.Denied:
		return fmt.Sprintf("%s was refused %s by %s", r.User, what, r.Opinions[len(r.Opinions)-1].By)
	case access.Withdrawn:
		return fmt.Sprintf("%s no longer asks for %s", r.User, what)
	default:
		return fmt.Sprintf("%s asks for %s for %s", r.User, what, r.Duration)
	}
}

func approvalsLeft(r *access.Request) string {
	switch left := r.Approvals - r.Approved(); left {
	case 1:
		return "one approval"
	default:
		return fmt.Sprintf("%d approvals", left)
	}
}

func orAll(name string) string {
	if name == "" {
		return "all that the role gives"
	}
	return name
}

func ptr[T any](v T) *T { return &v }
