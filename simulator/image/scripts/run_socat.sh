#!/bin/bash
# The relay between the published port and the Gateway's own port on loopback, again and again.
while true; do
	echo "Forking :::${API_PORT} onto 0.0.0.0:${SOCAT_PORT} > trading mode ${TRADING_MODE} "
	socat "TCP-LISTEN:${SOCAT_PORT},fork" "TCP:127.0.0.1:${API_PORT}"
	sleep "${SSH_RESTART:-5}"
done
