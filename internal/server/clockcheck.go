package server

import (
	"log/slog"
	"time"
)

// Bounds of how far this machine's clock may be from the database's. All servers of a
// database write times into it, so those of one execution come from several clocks.
const (
	clockWarns = 500 * time.Millisecond
	clockWrong = 5 * time.Second
	// clockTimes is how many renewals in a row must say so: one reading may be a step that
	// is corrected at once.
	clockTimes = 3
)

// clockCheck is what renewals have said of this machine's clock.
type clockCheck struct {
	wrong  bool // it is so far off that this server has no shards
	warned bool
	above  int // renewals in a row that found it wrong, or right again
}

// renewed takes in a renewal: the time of the database, which lies between two of this
// machine.
func (c *clockCheck) renewed(log *slog.Logger, before, database, after time.Time) {
	off := time.Duration(0)
	switch {
	case database.Before(before):
		off = before.Sub(database)
	case database.After(after):
		off = database.Sub(after)
	}
	if (off >= clockWrong) == c.wrong {
		c.above = 0
	} else if c.above++; c.above == clockTimes {
		c.above, c.wrong = 0, !c.wrong
		if c.wrong {
			log.Error("this machine's clock is not the database's: this server has no shards until it is; set both by NTP", "off", off)
		} else {
			log.Info("this machine's clock is the database's again, and this server has shards")
		}
	}
	switch {
	case off < clockWarns:
		c.warned = false
	case !c.warned:
		c.warned = true
		log.Warn("this machine's clock is not the database's; from 5 s on this server has no shards", "off", off)
	}
}
