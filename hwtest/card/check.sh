#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Tries the module in a virtual machine, as root, with the field's own tools:
#   check.sh tgmcard.ko        (dpll, phc_ctl, ts2phc, ptp4l, ip in PATH)
# Loads it with two cards, and unloads it at the end. Exit code: what failed.
KO=${1:?usage: check.sh tgmcard.ko}
DIR=/sys/kernel/debug/tgmcard
CTL=$DIR/card0/ctl
T=$(mktemp -d)
failed=0
insert() { insmod "$@" 2> /dev/null || busybox insmod "$@"; }
remove() { rmmod "$@" 2> /dev/null || busybox rmmod "$@"; }
say() { echo "$*" > $CTL; }
is() {	# WHAT, then a command that must succeed
	what=$1; shift
	if "$@" > $T/out 2>&1; then echo "ok    $what"; else echo "FAIL  $what"; cat $T/out; failed=$((failed + 1)); fi
}
isnt() { what=$1; shift; is "$what" refused "$@"; }
refused() { ! "$@"; }
state() { sed -n "s/^$2 //p" $DIR/card$1/state; }
has() { state 0 "$1" | grep -q -- "$2"; }
dev() { dpll device id-get module-name tgmcard clock-id $CLOCK type "$1"; }
lock() { dpll device show id "$(dev "$1")" | grep -q "lock-status: $2\$"; }
pin() { dpll pin id-get board-label "$1" clock-id $CLOCK; }
# the PHC of card $1 is within $2 ns of TAI
near() { v=$(state "$1" phc_minus_tai_ns); echo "PHC - TAI: $v ns"; [ "${v#-}" -le "$2" ]; }
poll() {	# octets of an UBX poll; the answer in hex
	( exec 4<> $GNSS; printf "$1" >&4; timeout 0.5 cat <&4 ) | od -A n -v -t x1 | tr -d ' \n'
}

remove tgmcard 2> /dev/null
is "it loads" insert "$KO" cards=2 osc=250000 phc=400000
CLOCK=$(dpll device show | sed -n 's/.*clock-id: //p' | head -1)
PHC=/dev/$(ls /sys/class/net/ens1f0/device/ptp)
GNSS=/dev/$(ls /sys/class/net/ens1f0/device/gnss)
SECOND=/dev/$(ls /sys/class/net/ens2f0/device/ptp)

echo "-- controls"
isnt "an unknown control is refused" say nonsense
is "the log says so" sh -c 'dmesg | tail -3 | grep -q "nonsense.: unknown"'
isnt "a number out of range is refused" say "gnss fix 9"
isnt "a wrong one among others" say "gnss fix 2; bad; gnss fix 4"
is "those before it are done, those behind are not" has gnss "fix=2"
say "gnss fix 3"

echo "-- dpll"
is "unlocked at first" lock pps unlocked
say "lock_s 1; hoacq_s 1"; sleep 4
is "locks and learns its holdover" lock pps locked-ho-acq
is "by GNSS-1PPS" sh -c "dpll pin show id $(pin GNSS-1PPS) | grep -c 'state connected' | grep -q 2"
dpll monitor > $T/monitor & MONITOR=$!
sleep 0.3; : > $T/monitor
say "dpll pps force unlocked"; sleep 0.2
is "a forced state is notified at once" grep -q "lock-status: unlocked" $T/monitor
say "ntf silent on; dpll pps force holdover"; sleep 0.2
isnt "silence: no notification" grep -q "lock-status: holdover" $T/monitor
is "but the state is there" lock pps holdover
say "ntf silent off; dpll pps auto"; : > $T/monitor; say "ntf flood 50"; sleep 1
is "flood: each comes" sh -c "[ \$(grep -c CHANGE $T/monitor) -ge 100 ]"
say "pps sma1 on; dpll pps switch SMA1"; sleep 0.7
is "pin switched" has dpll_pps "reference=SMA1"
is "EEC stays" has dpll_eec "reference=GNSS-1PPS"
say "pps sma1 off; dpll pps switch GNSS-1PPS"; sleep 3
: > $T/monitor; say "gnss antenna off"; sleep 0.7
is "antenna off: holdover after the next poll" lock eec holdover
is "and it is notified" grep -q "lock-status: holdover" $T/monitor
: > $T/monitor; sleep 2
isnt "no phase offset in holdover" grep -q "PIN_CHANGE. pin id $(pin GNSS-1PPS):" $T/monitor
say "gnss acquire 0; gnss antenna on"; sleep 5
is "antenna on: locked again" lock pps locked-ho-acq
say "dpll errors 60"; sleep 3
is "after more than 50 errors the worker stops" has worker "dead"
is "with a line in the log" sh -c 'dmesg | tail -3 | grep -q "periodic work disabled"'
say "pps gnss off"; sleep 1
is "then the state is frozen" lock pps locked-ho-acq
say "dpll worker alive; pps gnss on"; sleep 5
say "dpll worker stuck; pps gnss off"; sleep 1
is "a stuck worker sees nothing" has dpll_pps "^holdover seen=locked-ho-acq"
say "dpll worker alive"; sleep 1
is "and then goes on" has dpll_pps "^holdover seen=holdover"
say "pps gnss on"; sleep 1
say "ntf without phase on"
isnt "a message without phase offset" sh -c "dpll pin show id $(pin GNSS-1PPS) | grep -q phase-offset"
OLD=$(dev pps); say "ntf without phase off"
is "a reload gives other ids" test "$OLD" != "$(dev pps)"
PHC=/dev/$(ls /sys/class/net/ens1f0/device/ptp); GNSS=/dev/$(ls /sys/class/net/ens1f0/device/gnss)
kill $MONITOR

echo "-- receiver"
is "NMEA" sh -c "timeout 2.2 cat $GNSS | grep -q '^\\\$GNRMC.*,A,'"
is "MON-VER" sh -c "echo $(poll '\265\142\012\004\000\000\016\064') | grep -q ^b5620a04"
is "NAV-STATUS tells a fix" sh -c "echo $(poll '\265\142\001\003\000\000\004\015') | grep -q '^b562010310.\{10\}03'"
say "gnss jamming 2"
is "MON-RF tells of jamming" sh -c "echo $(poll '\265\142\012\070\000\000\102\320') | grep -q '^b5620a38.\{14\}02'"
say "gnss jamming 1; gnss silence on"
is "silence" sh -c "[ \$(timeout 1.5 cat $GNSS | wc -c) = 0 ]"
say "gnss silence off; gnss truncate on"
is "truncated sentences" sh -c "timeout 2.2 cat $GNSS | grep -c '\\*' | grep -qx 0"
say "gnss truncate off"

say "pps gnss noise 50"; sleep 2
is "TIM-TP tells the pulse's error ahead" sh -c "echo $(poll '\265\142\015\001\000\000\016\067') | grep -v '^b5620d011000.\{16\}00000000' | grep -q ^b5620d01"
say "pps gnss noise 0"

echo "-- ts2phc and ptp4l"
printf '#@\t4291747200\n2272060800\t10\n3692217600\t37\n' > $T/leap
printf '[global]\nts2phc.pulsewidth 100000000\nleapfile %s\n[%s]\nts2phc.extts_polarity rising\nts2phc.pin_index 0\nts2phc.channel 0\n' \
	$T/leap $PHC > $T/ts2phc.conf
echo "lock_s 1; hoacq_s 1; osc 3000" > $DIR/card1/ctl
is "PHC is off before" refused near 0 100000
ts2phc -f $T/ts2phc.conf -s nmea --ts2phc.nmea_serialport $GNSS -m > $T/ts2phc.log 2>&1 & TS2PHC=$!
ip link set ens1f0 up; ip link set ens2f0 up
ptp4l -i ens1f0 -2 -m --serverOnly 1 --uds_address $T/a --uds_ro_address $T/ar > $T/server.log 2>&1 & SERVER=$!
ptp4l -i ens2f0 -2 -m --clientOnly 1 --step_threshold 0.00002 --uds_address $T/b --uds_ro_address $T/br > $T/client.log 2>&1 & CLIENT=$!
sleep 26
is "ts2phc brings the PHC to TAI" near 0 20
is "ptp4l brings the other card's there" near 1 50
is "by hardware time stamps, $SECOND" grep -q "SLAVE on MASTER_CLOCK_SELECTED" $T/client.log
say "phc step 5000"; sleep 0.2
is "a step shows" refused near 0 1000
sleep 12
is "and ts2phc takes it back" near 0 100
say "stamp drop 1"; sleep 3
is "a time stamp that does not come" grep -q "timed out while polling for tx timestamp" $T/server.log
say "cable cut on"; sleep 0.3
is "a cut cable takes the link down" sh -c "ip link show ens2f0 | grep -q NO-CARRIER"
kill $TS2PHC $SERVER $CLIENT
tail -n 1 $T/ts2phc.log; tail -n 1 $T/client.log

echo "-- outputs, the kernel's PPS, the counter"
outputs_on() {
	P=/sys/class/ptp/$(ls /sys/class/net/ens1f0/device/ptp)
	echo 1 > $P/pps_enable
	echo "2 1" > $P/pins/SMA1; echo "1 2" > $P/pins/SMA2; echo "2 1" > $P/extts_enable
	echo "1 0 0 0 250000000" > $P/period
}
say "phc offer pps on; phc offer counter on; phc offer cross on; loop perout on"
is "outputs are switched on" outputs_on
sleep 2.5
is "/dev/pps0 has pulses" grep -q '#[1-9]' /sys/class/pps/pps0/assert
is "an edge comes back, on its grid" grep -q '^2 [0-9]* \(0\|250000000\|500000000\|750000000\)$' $P/fifo
is "a reload while they are on" say reload
is "virtual clocks" sh -c "echo 2 > $P/n_vclocks"
is "a reload under virtual clocks" say reload
is "outputs are switched on" outputs_on
sleep 1.2

is "it unloads with all of it on" remove tgmcard
isnt "and leaves no complaint" sh -c 'dmesg | grep -E "WARNING:|BUG:|Oops|Call Trace"'
rm -r $T
[ $failed = 0 ] && echo "PASS" || echo "FAIL: $failed"
exit $failed
