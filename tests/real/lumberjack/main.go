// Writes audit events with the API server's own rotation: the library, its defaults for names and its order of
// writing, rotating, compressing and removing are those of kube-apiserver.
//
//	lumberjack -path audit.log -maxsize 1 -maxbackups 3 -compress -rate 2000 -count 100000 -template event.json
//	producer | lumberjack -path audit.log
//
// Without a template, each line of standard input is written as one event. With one, each line of the template file is
// written in turn, with {{id}} replaced by a unique audit id, {{n}} by a number counting from -first, and {{now}} by
// the time. When it is done it prints how many events were written.
package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"log"
	"os"
	"strconv"
	"time"

	lumberjack "gopkg.in/natefinch/lumberjack.v2"
)

// Most bytes of a line on standard input; the API server's own limit is maxsize.
const lineBytesMax = 256 << 20

func main() {
	path := flag.String("path", "audit.log", "file to write")
	maxsize := flag.Int("maxsize", 100, "megabytes before the file is rotated, as --audit-log-maxsize")
	maxbackups := flag.Int("maxbackups", 10, "rotated files kept, as --audit-log-maxbackup")
	maxage := flag.Int("maxage", 0, "days that rotated files are kept, as --audit-log-maxage")
	compress := flag.Bool("compress", false, "gzip rotated files, as --audit-log-compress")
	template := flag.String("template", "", "file of events to write in turn")
	rate := flag.Float64("rate", 0, "events a second; 0 for as fast as possible")
	count := flag.Int("count", 0, "events to write from the template; 0 for no end")
	first := flag.Int("first", 0, "what {{n}} counts from")
	flag.Parse()

	out := &lumberjack.Logger{
		Filename: *path, MaxSize: *maxsize, MaxBackups: *maxbackups, MaxAge: *maxage, Compress: *compress,
	}
	var written int
	var err error
	if *template == "" {
		written, err = fromInput(out, *rate)
	} else {
		written, err = fromTemplate(out, *template, *rate, *count, *first)
	}
	fmt.Println(written)
	if err != nil {
		log.Fatal(err)
	}
	// Closing would end compression and removal half-way: like the API server, we just exit.
}

func fromInput(out *lumberjack.Logger, rate float64) (int, error) {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, lineBytesMax)
	start, n := time.Now(), 0
	for ; lines.Scan(); n++ {
		pace(start, n, rate)
		if err := write(out, lines.Bytes()); err != nil {
			return n, err
		}
	}
	return n, lines.Err()
}

func fromTemplate(out *lumberjack.Logger, path string, rate float64, count, first int) (int, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	events := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	start := time.Now()
	for n := 0; count == 0 || n < count; n++ {
		pace(start, n, rate)
		number := first + n
		event := bytes.ReplaceAll(events[n%len(events)], []byte("{{id}}"), fmt.Appendf(nil, "%08x-0000-4000-8000-%012x", os.Getpid(), number))
		event = bytes.ReplaceAll(event, []byte("{{n}}"), []byte(strconv.Itoa(number)))
		event = bytes.ReplaceAll(event, []byte("{{now}}"), []byte(time.Now().UTC().Format("2006-01-02T15:04:05.000000Z")))
		if err := write(out, event); err != nil {
			return n, err
		}
	}
	return count, nil
}

// One write a line, as the API server does: a rotation never cuts a line.
func write(out *lumberjack.Logger, event []byte) error {
	line := make([]byte, 0, len(event)+1)
	_, err := out.Write(append(append(line, event...), '\n'))
	return err
}

func pace(start time.Time, n int, rate float64) {
	if rate > 0 {
		time.Sleep(time.Until(start.Add(time.Duration(float64(n) / rate * float64(time.Second)))))
	}
}
