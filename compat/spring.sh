# spring.sh FOLDER CLASS: starts what Maven has built there; as it comes, without the beans of ours in the one class.
classes="$1/plain"
if [ "$SETTING" = 1 ]; then classes="$1/classes"; fi
SCOPE=$(echo "$SCOPE" | tr ' ' ,)
export SCOPE
exec java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp "$classes:$1/lib/*" "$2"
