package flow

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"heddle/flow/internal/replay"
)

// Codec turns values into the text that stands in histories, and back. A nil Codec is JSON.
// It does no I/O and always says the same of the same value.
type Codec interface {
	Encode(v any) (string, error)
	// Decode sets what v points to.
	Decode(text string, v any) error
}

// Crypt turns text into text that nobody else can read, and back. What it makes is text of its
// own kind: it begins with a mark that Open knows and no JSON begins with, as in flow+gcm:.
// It may do I/O.
type Crypt interface {
	Seal(ctx context.Context, clear string) (sealed string, err error)
	// Open gives the clear text; text without its mark is given back as it is.
	Open(ctx context.Context, text string) (clear string, err error)
}

// Blobs keeps what is too long for a history. Objects must outlive the executions that name them,
// and the retention of those. It may do I/O.
type Blobs interface {
	// Put stores text under key, a hexadecimal SHA-256 of it; a second Put changes nothing.
	Put(ctx context.Context, key, text string) error
	Get(ctx context.Context, key string) (text string, err error)
}

// MaxPayload is how many characters (Unicode code points) SWF takes in an input, a result or
// details. What is longer goes to [Blobs].
const MaxPayload = 32768

// claimMark begins a payload that is kept in Blobs: "flow+claim:KEY SIZE".
const claimMark = "flow+claim:"

// jsonCodec is the Codec that there is if none is given.
type jsonCodec struct{}

func (jsonCodec) Encode(v any) (string, error) {
	if _, none := v.(None); none {
		return "", nil
	}
	b, err := json.Marshal(v)
	return string(b), err
}

func (jsonCodec) Decode(text string, v any) error {
	if text == "" {
		return nil // a zero value: what others leave out
	}
	return json.Unmarshal([]byte(text), v)
}

// payloads are how a client turns values to what stands in histories.
type payloads struct {
	codec Codec
	crypt Crypt
	blobs Blobs
}

// seal makes of clear text what goes on the wire.
func (p payloads) seal(ctx context.Context, text string) (string, error) {
	if text == "" {
		return "", nil
	}
	if p.crypt != nil {
		sealed, err := p.crypt.Seal(ctx, text)
		if err != nil {
			return "", fmt.Errorf("seal a payload of %d bytes: %w", len(text), err)
		}
		text = sealed
	}
	if len(text) <= MaxPayload || utf8.RuneCountInString(text) <= MaxPayload {
		return text, nil
	}
	if p.blobs == nil {
		return "", fmt.Errorf("a payload of %d characters is longer than the %d that SWF takes: give the client Blobs, or pass a reference", utf8.RuneCountInString(text), MaxPayload)
	}
	sum := sha256.Sum256([]byte(text))
	key := hex.EncodeToString(sum[:])
	if err := p.blobs.Put(ctx, key, text); err != nil {
		return "", fmt.Errorf("store a payload of %d bytes as %s: %w", len(text), key, err)
	}
	return claimMark + key + " " + strconv.Itoa(len(text)), nil
}

// mostStatus is how many bytes a status may have to go as it is: a context has the places where code waits besides.
const mostStatus = MaxPayload / 2

// context is what an answer says besides, as it goes on the wire. Who has no keys still reads where the code waits.
func (p payloads) context(ctx context.Context, said replay.Said) (string, error) {
	if len(said.Status) > 0 && (p.crypt != nil || len(said.Status) > mostStatus) {
		sealed, err := p.seal(ctx, string(said.Status))
		if err != nil {
			return "", err
		}
		said.Status, said.Sealed = nil, sealed
	}
	b, err := json.Marshal(said)
	return string(b), err
}

// open gives the clear text of what stood on the wire.
func (p payloads) open(ctx context.Context, text string) (string, error) {
	if claim, ok := strings.CutPrefix(text, claimMark); ok {
		key, size, _ := strings.Cut(claim, " ")
		if p.blobs == nil {
			return "", fmt.Errorf("a payload is kept as blob %s: the client has no Blobs", key)
		}
		blob, err := p.blobs.Get(ctx, key)
		if err != nil {
			return "", fmt.Errorf("fetch payload %s: %w", key, err)
		}
		if sum := sha256.Sum256([]byte(blob)); hex.EncodeToString(sum[:]) != key {
			return "", fmt.Errorf("fetch payload %s: the blob has %d bytes of other content, want %s", key, len(blob), size)
		}
		text = blob
	}
	if p.crypt != nil && text != "" {
		clear, err := p.crypt.Open(ctx, text)
		if err != nil {
			return "", fmt.Errorf("open a sealed payload: %w", err)
		}
		return clear, nil
	}
	return text, nil
}
