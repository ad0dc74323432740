// The second client: Go's HTTP client, which the API server uses. It writes a body in parts of 4 KiB and
// starts a connection with small TLS records.
//
// It connects, prints "ready", and waits for a line. Then it sends the body for the given time and prints
// the results as JSON.
package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"sort"
	"sync"
	"time"
)

func main() {
	url := flag.String("url", "", "the URL of the webhook")
	ca := flag.String("ca", "", "the CA of the server, PEM")
	file := flag.String("body", "", "the file with the body")
	connections := flag.Int("connections", 16, "keep-alive connections")
	seconds := flag.Float64("seconds", 1, "the duration in seconds")
	flag.Parse()

	roots := x509.NewCertPool()
	if pem, err := os.ReadFile(*ca); err != nil || !roots.AppendCertsFromPEM(pem) {
		fail("cannot use the CA: %v", err)
	}
	body, err := os.ReadFile(*file)
	if err != nil {
		fail("%v", err)
	}
	client := &http.Client{Transport: &http.Transport{
		// The same settings as the webhook client of the API server.
		TLSClientConfig:     &tls.Config{RootCAs: roots, NextProtos: []string{"http/1.1"}},
		MaxIdleConnsPerHost: *connections,
		MaxConnsPerHost:     *connections,
	}}

	run := func(until time.Time) []time.Duration {
		latencies := make([][]time.Duration, *connections)
		var all sync.WaitGroup
		for worker := range latencies {
			all.Add(1)
			go func() {
				defer all.Done()
				for time.Now().Before(until) {
					start := time.Now()
					send(client, *url, body)
					latencies[worker] = append(latencies[worker], time.Since(start))
				}
			}()
		}
		all.Wait()
		var joined []time.Duration
		for _, some := range latencies {
			joined = append(joined, some...)
		}
		return joined
	}

	run(time.Now().Add(200 * time.Millisecond))
	fmt.Println("ready")
	line := bufio.NewReader(os.Stdin)
	if _, err := line.ReadString('\n'); err != nil {
		fail("no start line on standard input: %v", err)
	}
	start := time.Now()
	latencies := run(start.Add(time.Duration(*seconds * float64(time.Second))))
	took := time.Since(start)
	sort.Slice(latencies, func(one, other int) bool { return latencies[one] < latencies[other] })
	at := func(percent int) float64 {
		return latencies[(len(latencies)-1)*percent/100].Seconds() * 1e6
	}
	result := map[string]float64{"reviews": float64(len(latencies)), "seconds": took.Seconds(), "p50": at(50), "p99": at(99)}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		fail("%v", err)
	}
}

// send sends one review. A response with another status than 200 ends the run.
func send(client *http.Client, url string, body []byte) {
	answer, err := client.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		fail("%v", err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != http.StatusOK {
		fail("unexpected status %s: %v", answer.Status, err)
	}
}

func fail(format string, values ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", values...)
	os.Exit(1)
}
