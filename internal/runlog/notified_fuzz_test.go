package runlog

import (
	"bytes"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/store/keys"
)

// FuzzReadNotified: what is read of a notification, or of who was told, is written the same.
func FuzzReadNotified(f *testing.F) {
	f.Add((AppendNotified(nil, &engine.Notified{Bytes: 300, At: 5, Notification: engine.Notification{Event: 7, Body: []byte("body")}})))
	told := Told{First: 3, Last: engine.Position{Number: 7, Bytes: 300}, Targets: []ToldTarget{{"a", engine.Position{Number: 2, Lost: 4}}}}
	f.Add(told.Append(nil))
	key := keys.AppendNotification(nil, 7)
	f.Fuzz(func(t *testing.T, b []byte) {
		if n, err := ReadNotified(key, b); err == nil {
			again, err := ReadNotified(key, AppendNotified(nil, &n))
			if err != nil || !bytes.Equal(again.Body, n.Body) || again.Event != n.Event || again.Bytes != n.Bytes || again.Run != n.Run || again.At != n.At {
				t.Errorf("%+v reads back as %+v, %v", n, again, err)
			}
		}
		if told, err := ReadTold(b); err == nil {
			again, err := ReadTold(told.Append(nil))
			if err != nil || len(again.Targets) != len(told.Targets) || again.First != told.First || again.Last != told.Last || again.Least() != told.Least() {
				t.Errorf("%+v reads back as %+v, %v", told, again, err)
			}
		}
	})
}
