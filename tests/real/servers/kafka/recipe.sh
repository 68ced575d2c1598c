# Apache Kafka, one node that is broker and controller, from its jars.

kafka_needs="java mvn"

kafka_install() { maven_jars "$recipe/pom.xml" "$1"; }

kafka_prepare() {
    local broker controller storage
    broker=$(free_port)
    controller=$(free_port)
    sed -e "s|@BROKER@|$broker|" -e "s|@CONTROLLER@|$controller|" -e "s|@DATA@|$PWD/data|" \
        "$recipe/server.properties" >server.properties
    storage=(java -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$1/*" kafka.tools.StorageTool)
    "${storage[@]}" format -t "$("${storage[@]}" random-uuid 2>/dev/null)" -c server.properties >/dev/null
    serve java -Xms128m -Xmx384m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
        -Dorg.slf4j.simpleLogger.defaultLogLevel=info -cp "$1/*" kafka.Kafka server.properties
    ready_when 'grep -q "Kafka Server started" log'
    export GATECRIER_TEST_KAFKA=127.0.0.1:$broker
}
